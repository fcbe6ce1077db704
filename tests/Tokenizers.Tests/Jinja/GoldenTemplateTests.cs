using System.IO.Compression;
using System.Text.Json;
using LlmService.Tokenizers.Jinja;

namespace LlmService.Tokenizers.Tests.Jinja;

public sealed class GoldenTemplateTests
{
    private readonly Dictionary<string, Template?> _templates = [];
    private readonly Dictionary<string, string> _reasons = [];

    /// <summary>Every rendering of real templates that the reference recorded: byte for byte, and an error where it has one.</summary>
    [Fact]
    public void Render_RealTemplates_EqualsReference()
    {
        using JsonDocument inputs = JsonDocument.Parse(File.ReadAllBytes(TestData.Shared("chat-templates", "inputs.json")));
        Dictionary<string, JsonElement> cases = inputs.RootElement.GetProperty("cases").EnumerateArray().ToDictionary(c => c.GetProperty("name").GetString()!);
        using StreamReader lines = new(new GZipStream(File.OpenRead(TestData.Shared("chat-templates", "golden.jsonl.gz")), CompressionMode.Decompress));
        List<string> differences = [];
        int count = 0;
        while (lines.ReadLine() is { } line)
        {
            using JsonDocument golden = JsonDocument.Parse(line);
            count++;
            if (Difference(golden.RootElement, inputs.RootElement, cases) is { } difference) differences.Add(difference);
        }

        Assert.True(count > 5000);
        Assert.True(differences.Count == 0, $"{differences.Count} differences:\n{string.Join('\n', differences.Take(20))}");
    }

    private string? Difference(JsonElement golden, JsonElement inputs, Dictionary<string, JsonElement> cases)
    {
        string name = golden.GetProperty("template").GetString()!;
        Template? template = Load(name);
        if (!golden.TryGetProperty("case", out JsonElement key)) return template is null ? null : $"{name} compiles";
        if (template is null) return $"{name} does not compile: {_reasons[name]}";
        string? expected = golden.TryGetProperty("output", out JsonElement output) ? output.GetString() : null;
        try
        {
            string got = template.Render(Variables(inputs, cases[key.GetString()!]), Templates.Now, TemplateLimits.Default, default).Text;
            return got == expected ? null : $"{name}, {key}: other text";
        }
        catch (TemplateException e)
        {
            if (expected is not null) return $"{name}, {key}: {e.Message}";
            JsonElement error = golden.GetProperty("error");
            bool isRaised = error.GetProperty("type").GetString() == "TemplateError";
            return !isRaised || e.Reason == error.GetProperty("message").GetString() ? null : $"{name}, {key}: {e.Reason}";
        }
    }

    private Template? Load(string name)
    {
        if (_templates.TryGetValue(name, out Template? known)) return known;
        try
        {
            return _templates[name] = Template.Parse(File.ReadAllText(TestData.Shared("chat-templates", "templates", $"{name}.jinja")), name, TemplateLimits.Default);
        }
        catch (TemplateException e)
        {
            _reasons[name] = e.Message;
            return _templates[name] = null;
        }
    }

    private static Dictionary<string, Value> Variables(JsonElement inputs, JsonElement test)
    {
        Dictionary<string, Value> variables = Templates.Variables(inputs.GetProperty("defaults"));
        foreach (JsonProperty token in inputs.GetProperty("special_tokens").EnumerateObject()) variables[token.Name] = new StringValue(token.Value.GetString()!);
        variables["messages"] = JsonValues.Read(test.GetProperty("messages"));
        variables["add_generation_prompt"] = JsonValues.Read(test.GetProperty("add_generation_prompt"));
        foreach ((string name, Value value) in Templates.Variables(test.GetProperty("kwargs"))) variables[name] = value;
        return variables;
    }
}
