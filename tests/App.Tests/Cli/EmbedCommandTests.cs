using System.Globalization;
using System.Text.Json;
using LlmService.App.Cli;

namespace LlmService.App.Tests.Cli;

public sealed class EmbedCommandTests : IDisposable
{
    private readonly EncoderFolder _folder = EncoderFolder.Embedder().Write("config_sentence_transformers.json", """{"prompts":{"query":"one "}}""").Write("sentence_bert_config.json", """{"max_seq_length":6}""");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Embed_Texts_WritesAVectorALine()
    {
        (int exit, string output, string error) = await RunAsync("", "one long text", "b");

        float[][] vectors = Vectors(output);
        Assert.Equal(0, exit);
        Assert.Equal([32, 32], vectors.Select(vector => vector.Length));
        Assert.All(vectors, vector => Assert.Equal(1, vector.Sum(value => value * value), 1e-5f));
        Assert.Contains("[2 texts, 0 of them cut, 8 tokens, 32 numbers each, ", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData]
    [InlineData("-")]
    public async Task Embed_LinesOfStandardInput_AreTexts(params string[] arguments)
    {
        (_, string fromInput, _) = await RunAsync(string.Concat(Enumerable.Repeat("one long text\nb\n", 200)), arguments);
        (_, string fromArguments, _) = await RunAsync("", "one long text", "b");

        Assert.Equal(string.Concat(Enumerable.Repeat(fromArguments, 200)), fromInput);
    }

    [Fact]
    public async Task Embed_Json_IsOneObject()
    {
        (int exit, string output, _) = await RunAsync("", "one long text", "one one one one one one", "--json", "--dimensions", "4", "--truncate");

        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement[] embeddings = [.. json.RootElement.GetProperty("embeddings").EnumerateArray()];
        Assert.Equal((0, true, 11), (exit, json.RootElement.GetProperty("ok").GetBoolean(), json.RootElement.GetProperty("usage").GetProperty("total_tokens").GetInt32()));
        Assert.Equal([(5, false, 4), (6, true, 4)], embeddings.Select(item => (item.GetProperty("tokens").GetInt32(), item.GetProperty("truncated").GetBoolean(), item.GetProperty("embedding").GetArrayLength())));
    }

    [Fact]
    public async Task Embed_NoTexts_WritesNothing()
    {
        (int exit, string output, _) = await RunAsync("");

        Assert.Equal((0, ""), (exit, output));
    }

    [Fact]
    public async Task Embed_PromptName_PutsThePromptBeforeTheText() =>
        Assert.Equal((await RunAsync("", "one text")).Output, (await RunAsync("", "text", "--prompt-name", "query")).Output);

    [Theory]
    [InlineData("context_length_exceeded", "The text 258 has 8 tokens; the model reads at most 6.")]
    public async Task Embed_LineThatIsTooLong_IsNamedByItsPlaceInAll(string code, string message)
    {
        (int exit, string output, _) = await RunAsync($"{string.Concat(Enumerable.Repeat("b\n", 257))}one one one one one one\n", "--json");

        using JsonDocument json = JsonDocument.Parse(output);
        Assert.NotEqual(0, exit);
        Assert.Equal((code, message), (json.RootElement.GetProperty("code").GetString(), json.RootElement.GetProperty("message").GetString()));
    }

    [Theory]
    [InlineData("invalid_request", "b", "--dimensions", "33")]
    [InlineData("invalid_request", "b", "--dimensions", "0")]
    [InlineData("invalid_request", "b", "--prompt-name", "passage")]
    public async Task Embed_Mistake_IsNamed(string code, params string[] arguments)
    {
        (int exit, string output, _) = await RunAsync("", [.. arguments, "--json"]);

        using JsonDocument json = JsonDocument.Parse(output);
        Assert.NotEqual(0, exit);
        Assert.Equal(code, json.RootElement.GetProperty("code").GetString());
    }

    [Fact]
    public async Task Embed_ModelThatGenerates_SaysWhichToName()
    {
        ProcessContext context = TestContexts.Create(_folder.Folder);

        Assert.NotEqual(0, await CommandLine.RunAsync(["embed", "demo", "text"], context));
        Assert.Contains("makes no vectors", context.Error.ToString(), StringComparison.Ordinal);
    }

    private async Task<(int Exit, string Output, string Error)> RunAsync(string input, params string[] arguments)
    {
        ProcessContext context = TestContexts.Create(_folder.Folder, input: input);
        int exit = await CommandLine.RunAsync(["embed", _folder.Folder, .. arguments], context);
        return (exit, context.Out.ToString()!, context.Error.ToString()!);
    }

    private static float[][] Vectors(string output) => [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.TrimEnd('\r').Split(' ').Select(number => float.Parse(number, CultureInfo.InvariantCulture)).ToArray())];
}
