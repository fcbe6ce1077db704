using System.Text.Json;

namespace LlmService.Tokenizers.Tests.Jinja;

public sealed class ReferenceCaseTests
{
    /// <summary>Snippets on every statement, operator, filter, test, method and kind of white space control, with what the reference makes of them.</summary>
    [Fact]
    public void Render_ReferenceCases_EqualsReference()
    {
        string variables = File.ReadAllText(TestData.Fixture("jinja", "variables.json"));
        List<string> differences = [];
        foreach (string line in File.ReadAllText(TestData.Fixture("jinja", "cases.jsonl")).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            using JsonDocument json = JsonDocument.Parse(line);
            string source = json.RootElement.GetProperty("source").GetString()!;
            string? expected = json.RootElement.TryGetProperty("text", out JsonElement text) ? text.GetString() : null;
            string? got = Render(source, variables);
            if (got != expected) differences.Add($"{source}\n  expected {expected ?? "an error"}\n  got {got ?? "an error"}");
        }

        Assert.True(differences.Count == 0, $"{differences.Count} differences:\n{string.Join('\n', differences.Take(20))}");
    }

    private static string? Render(string source, string variables)
    {
        try
        {
            return Templates.Render(source, variables);
        }
        catch (TemplateException)
        {
            return null;
        }
    }
}
