using System.Text.Json;
using LlmService.App.Tests;

namespace LlmService.App.Cli;

public sealed class EvaluateCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evaluate test ").FullName;

    public EvaluateCommandTests() =>
        File.WriteAllText(Path.Combine(_folder, "cases.json"), """[{ "name": "A [1]", "text": "A logo.", "tags": ["logo"] }, { "name": "B", "text": "A cat.", "tags": ["cat"] }]""");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Evaluate_NoModel_TakesDemoAndTheBuiltInCases()
    {
        (int exit, string output, string error) = await RunAsync("evaluate");
        Assert.True(exit == 0, error);
        Assert.Contains("Evaluation on 8 documents (built-in)", output, StringComparison.Ordinal);
        Assert.Contains("\n1 demo ", output, StringComparison.Ordinal);
        Assert.Contains("Small demonstration model", output, StringComparison.Ordinal);
        Assert.DoesNotContain("Recommendation", output, StringComparison.Ordinal);
        Assert.DoesNotContain("[LLM]", output, StringComparison.Ordinal);
        Assert.DoesNotContain("\u001b", output + error, StringComparison.Ordinal);
        Assert.Contains("demo: 8 of 8, Privacy: ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Evaluate_OneModelMissing_EvaluatesTheOtherAndEndsWithItsCode()
    {
        (int exit, string output, string error) = await RunAsync("evaluate", "./nothing", "demo", "--cases", "cases.json");
        Assert.Equal(14, exit);
        Assert.Contains("Evaluation on 2 documents (cases.json)", output, StringComparison.Ordinal);
        Assert.Contains("\n1 demo ", output, StringComparison.Ordinal);
        Assert.Contains("\n- ./nothing ", output, StringComparison.Ordinal);
        Assert.Contains("./nothing: model_not_found: Model not found", output, StringComparison.Ordinal);
        Assert.Contains("Recommendation: ", output, StringComparison.Ordinal);
        Assert.Contains("error: Model not found", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Evaluate_Json_IsOneObjectWithEveryDocument()
    {
        (int exit, string output, _) = await RunAsync("evaluate", "./nothing", "demo", "--cases", "cases.json", "--json");
        Assert.Equal(14, exit);
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement root = json.RootElement;
        Assert.False(root.GetProperty("ok").GetBoolean());
        Assert.Equal("model_not_found", root.GetProperty("code").GetString());
        Assert.StartsWith("1 of 2 models failed, first './nothing': ", root.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal("cases.json", root.GetProperty("cases").GetProperty("source").GetString());
        Assert.Equal(2, root.GetProperty("cases").GetProperty("count").GetInt32());
        Assert.Equal(JsonValueKind.Object, root.GetProperty("recommendation").ValueKind);

        JsonElement demo = root.GetProperty("models")[0], missing = root.GetProperty("models")[1];
        Assert.Equal(("demo", "evaluated", 1), (demo.GetProperty("model").GetString(), demo.GetProperty("state").GetString(), demo.GetProperty("rank").GetInt32()));
        string[] numbers = ["score", "parse_rate", "precision", "recall", "f1", "exact_matches", "cases", "errors", "mean_seconds", "latency_points", "load_seconds"];
        Assert.All(numbers, name => Assert.Equal(JsonValueKind.Number, demo.GetProperty(name).ValueKind));
        JsonElement document = demo.GetProperty("documents")[0];
        Assert.Equal("A [1]", document.GetProperty("name").GetString());
        Assert.All(["expected", "tags", "matched", "missing", "extra"], name => Assert.Equal(JsonValueKind.Array, document.GetProperty(name).ValueKind));
        Assert.Equal(("failed", "model_not_found"), (missing.GetProperty("state").GetString(), missing.GetProperty("code").GetString()));
        Assert.Equal(0, missing.GetProperty("documents").GetArrayLength());
    }

    [Fact]
    public async Task Evaluate_JsonOfASuccess_IsOk()
    {
        (int exit, string output, _) = await RunAsync("evaluate", "--cases", "cases.json", "--json");
        Assert.Equal(0, exit);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.True(json.RootElement.GetProperty("ok").GetBoolean());
        Assert.False(json.RootElement.TryGetProperty("code", out _));
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("recommendation").ValueKind);
    }

    [Fact]
    public async Task Evaluate_Csv_IsAHeaderAndALineForEachModel()
    {
        (int exit, string output, _) = await RunAsync("evaluate", "demo", "./nothing", "--cases", "cases.json", "--csv");
        Assert.Equal(14, exit);
        string[] lines = output.Split("\r\n");
        Assert.Equal(4, lines.Length);
        Assert.StartsWith("rank,model,", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("1,demo,evaluated,", lines[1], StringComparison.Ordinal);
        Assert.StartsWith(",./nothing,failed,,", lines[2], StringComparison.Ordinal);
        Assert.Equal("", lines[3]);
    }

    [Fact]
    public async Task Evaluate_EveryDocumentFails_IsAFailureWithItsReport()
    {
        (int exit, string output, _) = await RunAsync("evaluate", "--cases", "cases.json", "--max-model-len", "3", "--details");
        Assert.Equal(10, exit);
        Assert.Contains("  A [1]: context_length_exceeded: ", output, StringComparison.Ordinal);
        Assert.Contains("2/2", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Evaluate_Details_ShowEveryDocument()
    {
        (_, string output, _) = await RunAsync("evaluate", "--cases", "cases.json", "--details");
        Assert.Contains("  A [1]: F1 ", output, StringComparison.Ordinal);
        Assert.Contains("    expected cat\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Evaluate_OnATerminal_ShowsABarInPlaceOfLines()
    {
        (int exit, _, string error) = await RunAsync(TestContexts.Create(_folder) with { IsErrorTerminal = true }, "evaluate", "--cases", "cases.json");
        Assert.Equal(0, exit);
        Assert.DoesNotContain("2 of 2", error, StringComparison.Ordinal);
        Assert.Contains("100%", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--json", "--csv")]
    [InlineData("--csv", "--details")]
    [InlineData("--cases", "missing.json")]
    [InlineData("--cases", "")]
    [InlineData("demo", "demo")]
    [InlineData("a//b", "demo")]
    public async Task Evaluate_Mistake_IsAnInvalidRequest(params string[] args)
    {
        (int exit, _, string error) = await RunAsync(["evaluate", .. args]);
        Assert.Equal(2, exit);
        Assert.Contains("error: ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("[LLM]", error, StringComparison.Ordinal);
    }

    private Task<(int Exit, string Output, string Error)> RunAsync(params string[] args) => RunAsync(TestContexts.Create(_folder), args);

    private static async Task<(int Exit, string Output, string Error)> RunAsync(ProcessContext context, params string[] args)
    {
        int exit = await CommandLine.RunAsync(args, context);
        return (exit, context.Out.ToString()!, context.Error.ToString()!);
    }
}
