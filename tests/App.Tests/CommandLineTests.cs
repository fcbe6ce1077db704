using System.Text.Json;
using LlmService.App.Cli;

namespace LlmService.App.Tests;

public sealed class CommandLineTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("command line test ").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task QuickTest_Demo_AnswersThreeDocumentsAndSaysThatItIsADemonstration()
    {
        (int exit, string output, _) = await RunAsync("quick-test");
        Assert.Equal(0, exit);
        Assert.StartsWith("[LLM] Loading model: demo...\n[LLM] Model loaded successfully\n", output, StringComparison.Ordinal);
        Assert.Contains("Small demonstration model", output, StringComparison.Ordinal);
        Assert.Contains("3 of 3 documents", output, StringComparison.Ordinal);
        Assert.DoesNotContain("\u001b", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task QuickTest_Json_IsOneObjectAndTheLogGoesElsewhere()
    {
        (int exit, string output, string error) = await RunAsync("quick-test", "demo", "--json");
        Assert.Equal(0, exit);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.True(json.RootElement.GetProperty("ok").GetBoolean());
        Assert.Equal(3, json.RootElement.GetProperty("documents").GetArrayLength());
        Assert.Contains("[LLM] Model loaded successfully", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_Demo_WritesOnlyTheAnswerToStandardOutput()
    {
        (int exit, string output, string error) = await RunAsync("run", "demo", "summarize: @word is a name that no file has, and the old bridge is closed.", "--max-tokens", "4");
        Assert.Equal(0, exit);
        Assert.DoesNotContain("[LLM]", output, StringComparison.Ordinal);
        Assert.Contains("4 tokens", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_Beams_OneAnswer()
    {
        (int exit, string output, _) = await RunAsync("run", "demo", "The house is wonderful.", "--max-tokens", "6", "--num-beams", "3", "--length-penalty", "2", "--early-stopping", "never", "--json");
        Assert.Equal(0, exit);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.InRange(json.RootElement.GetProperty("usage").GetProperty("completion_tokens").GetInt32(), 1, 6);
    }

    [Fact]
    public async Task Run_Dash_ReadsStandardInput()
    {
        (int exit, string fromInput, _) = await RunAsync(TestContexts.Create(_folder, input: "The house is wonderful.\n"), "run", "demo", "-", "--max-tokens", "8");
        (_, string fromArgument, _) = await RunAsync("run", "demo", "The house is wonderful.", "--max-tokens", "8");
        Assert.Equal(0, exit);
        Assert.Equal(fromArgument, fromInput);
    }

    [Theory]
    [InlineData(2, "invalid_request", "run")]
    [InlineData(2, "invalid_request", "run", "demo", "hi", "--no-such-option")]
    [InlineData(2, "invalid_request", "run", "demo", "hi", "--max-tokens", "many")]
    [InlineData(2, "invalid_request", "run", "demo", "hi", "--max-tokens", "-3")]
    [InlineData(2, "invalid_request", "run", "demo", "hi", "--temperature", "-1")]
    [InlineData(2, "invalid_request", "no-such-command")]
    [InlineData(2, "invalid_request", "quick-test", "a//b")]
    [InlineData(14, "model_not_found", "run", "./no-such-folder", "hi")]
    [InlineData(10, "context_length_exceeded", "run", "demo", "hello there", "--max-model-len", "3")]
    public async Task Mistake_EndsWithItsCodeAndOneSentence(int expected, string code, params string[] args)
    {
        (int exit, string output, string error) = await RunAsync(args);
        Assert.Equal(expected, exit);
        Assert.Equal("", output);
        Assert.Contains("error: ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);

        (exit, output, _) = await RunAsync([.. args, "--json"]);
        Assert.Equal(expected, exit);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.False(json.RootElement.GetProperty("ok").GetBoolean());
        Assert.Equal(code, json.RootElement.GetProperty("code").GetString());
    }

    [Fact]
    public async Task Mistake_OfAType_IsToldInPlainWords()
    {
        (_, _, string error) = await RunAsync("run", "demo", "hi", "--max-tokens", "many", "--temperature", "hot", "--seed", "-1", "--json=maybe");
        Assert.Contains("'many' for option '--max-tokens' as a whole number.", error, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Interrupted_Json_IsOneObject()
    {
        (int exit, string output, _) = await RunAsync(TestContexts.Create(_folder) with { In = new InterruptedReader() }, "run", "demo", "-", "--json");
        Assert.Equal(130, exit);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.False(json.RootElement.GetProperty("ok").GetBoolean());
        Assert.Equal("interrupted", json.RootElement.GetProperty("code").GetString());
    }

    [Fact]
    public async Task Folder_WithProblems_NamesEach()
    {
        await AssertFolderAsync(16, "config.json");
        Write("config.json", """{ "model_type": "mamba" }""");
        await AssertFolderAsync(15, "mamba", "token");
        Write("config.json", File.ReadAllText(TestData.Fixture("golden", "llama-gqa", "config.json")));
        await AssertFolderAsync(16, "tokenizer.json");
        Write("tokenizer.json", File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "demo", "tokenizer.json")));
        await AssertFolderAsync(16, "model.safetensors");
        File.WriteAllBytes(Path.Combine(_folder, "model.safetensors"), [0, 0, 0, 0, 0, 0, 0, 16, (byte)'{', (byte)'}']);
        await AssertFolderAsync(17, "header");
        byte[] weights = File.ReadAllBytes(TestData.Fixture("golden", "llama-gqa", "model.safetensors"));
        File.WriteAllBytes(Path.Combine(_folder, "model.safetensors"), weights[..(weights.Length / 2)]);
        await AssertFolderAsync(17, "cut off");
        Write("config.json", "{ nonsense");
        await AssertFolderAsync(17, "config.json");
    }

    [Fact]
    public async Task Help_Root_IsNoError()
    {
        (int exit, string output, _) = await RunAsync("--help");
        Assert.Equal(0, exit);
        Assert.Contains("quick-test", output, StringComparison.Ordinal);
    }

    private void Write(string name, string content) => File.WriteAllText(Path.Combine(_folder, name), content);

    private async Task AssertFolderAsync(int expected, params string[] words)
    {
        (int exit, _, string error) = await RunAsync("run", ".", "hi");
        Assert.True(expected == exit, error);
        foreach (string word in words)
            Assert.Contains(word, error, StringComparison.Ordinal);
    }

    private Task<(int Exit, string Output, string Error)> RunAsync(params string[] args) => RunAsync(TestContexts.Create(_folder), args);

    private static async Task<(int Exit, string Output, string Error)> RunAsync(ProcessContext context, params string[] args)
    {
        int exit = await CommandLine.RunAsync(args, context);
        return (exit, context.Out.ToString()!.ReplaceLineEndings("\n"), context.Error.ToString()!);
    }

    private sealed class InterruptedReader : StringReader
    {
        public InterruptedReader()
            : base("")
        {
        }

        public override int Read(char[] buffer, int index, int count) => throw new OperationCanceledException();
    }
}
