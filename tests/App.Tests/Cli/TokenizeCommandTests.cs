using System.Text.Json;
using LlmService.App.Cli;

namespace LlmService.App.Tests.Cli;

public sealed class TokenizeCommandTests : IDisposable
{
    private const string Special = """[{"id":0,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]""";
    private const string Template = """
        {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
        "pair":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
        "special_tokens":{"<s>":{"id":"<s>","ids":[0],"tokens":["<s>"]}}}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("tokenize test ").FullName;

    public TokenizeCommandTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "words"));
        File.WriteAllText(Path.Combine(_folder, "words", "tokenizer.json"), $$$"""
            {"version":"1.0","truncation":{"direction":"Right","max_length":1,"strategy":"LongestFirst","stride":0},"padding":null,"added_tokens":{{{Special}}},"normalizer":null,
            "pre_tokenizer":{"type":"WhitespaceSplit"},"post_processor":{{{Template}}},"decoder":null,
            "model":{"type":"WordLevel","vocab":{"<s>":0,"<unk>":1,"hello":2,"😀":3,"world":4},"unk_token":"<unk>"}}
            """);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>A folder with only tokenizer files is a model here, and what the file says of truncation is not applied.</summary>
    [Fact]
    public async Task Tokenize_Json_HasIdsTokensAndOffsetsInCodePoints()
    {
        (int exit, string output) = await RunAsync("", "tokenize", "./words", "😀 hello you", "--json");
        Assert.Equal(0, exit);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.Equal(4, json.RootElement.GetProperty("count").GetInt32());
        Assert.Equal([0, 3, 2, 1], json.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
        Assert.Equal(["<s>", "😀", "hello", "<unk>"], json.RootElement.GetProperty("tokens").EnumerateArray().Select(token => token.GetString()));
        Assert.Equal(["0-0", "0-1", "2-7", "8-11"], json.RootElement.GetProperty("offsets").EnumerateArray().Select(range => $"{range[0]}-{range[1]}"));
    }

    [Theory]
    [InlineData("words")]
    [InlineData("./words")]
    public async Task Tokenize_Text_ShowsOneTokenALine(string model)
    {
        (int exit, string output) = await RunAsync("hello\nworld", "tokenize", model, "-", "--no-special-tokens");
        Assert.Equal(0, exit);
        Assert.Equal(["       2  0-5           hello", "       4  6-11          world", "2 tokens", ""], output.ReplaceLineEndings("\n").Split('\n'));
    }

    /// <summary>Every line has its answer, in order; bad ones stop nothing.</summary>
    [Fact]
    public async Task Tokenize_Lines_AnswersEachInOrder()
    {
        string input = """
            {"text":"hello world"}
            {"text":"hello","pair":"😀 world","add_special_tokens":false}
            nonsense
            {"text":7}

            {"text":"\ud800"}
            {"text":"hello","add_special_tokens":"no"}
            {"text":"","pair":null,"more":1}
            """;
        (int exit, string output) = await RunAsync(input, "tokenize", "./words", "--jsonl");
        Assert.Equal(0, exit);
        string[] lines = output.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        Assert.Equal("""{"ids":[0,2,4],"tokens":["<s>","hello","world"],"offsets":[[0,0],[0,5],[6,11]],"decoded":"<s> hello world","decoded_skip_special":"hello world"}""", lines[0]);
        Assert.Equal("""{"ids":[2,3,4],"tokens":["hello","😀","world"],"offsets":[[0,5],[0,1],[2,7]],"decoded":"hello 😀 world","decoded_skip_special":"hello 😀 world"}""", lines[1].Replace("\\uD83D\\uDE00", "😀", StringComparison.Ordinal));
        Assert.All(lines[2..7], line => Assert.StartsWith("{\"error\":\"", line, StringComparison.Ordinal));
        Assert.Equal("""{"ids":[0],"tokens":["<s>"],"offsets":[[0,0]],"decoded":"<s>","decoded_skip_special":""}""", lines[7]);
        Assert.Equal(8, lines.Length);
    }

    [Theory]
    [InlineData("<s> hello world", "detokenize", "./words", "0", "2", "4")]
    [InlineData("hello world", "detokenize", "./words", "-", "--skip-special-tokens")]
    public async Task Detokenize_Ids_GivesTheText(string expected, params string[] args)
    {
        (int exit, string output) = await RunAsync("[0, 2, 4]", args);
        Assert.Equal((0, expected), (exit, output.Trim()));
    }

    [Theory]
    [InlineData("invalid_request", "detokenize", "./words", "x", "--json")]
    [InlineData("invalid_request", "tokenize", "./words", "--json")]
    [InlineData("invalid_request", "tokenize", "./words", "text", "--jsonl", "--json")]
    [InlineData("no_usable_weights", "tokenize", ".", "text", "--json")]
    [InlineData("model_not_found", "tokenize", "./nowhere", "text", "--json")]
    public async Task Tokenize_Mistake_IsNamed(string code, params string[] args)
    {
        (int exit, string output) = await RunAsync("", args);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.NotEqual(0, exit);
        Assert.Equal(code, json.RootElement.GetProperty("code").GetString());
    }

    private async Task<(int Exit, string Output)> RunAsync(string input, params string[] args)
    {
        ProcessContext context = TestContexts.Create(_folder, input: input);
        int exit = await CommandLine.RunAsync(args, context);
        return (exit, context.Out.ToString()!);
    }
}
