using LlmService.App.Tests;

namespace LlmService.App.Cli;

public sealed class TemplateCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("template test ").FullName;

    public TemplateCommandTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "model"));
        File.WriteAllText(Path.Combine(_folder, "model", "tokenizer_config.json"), """{"bos_token":"<s>","chat_template":"{{ bos_token }}{% for m in messages %}{{ m.content }}|{% endfor %}{{ 'go' if add_generation_prompt }}"}""");
        File.WriteAllText(Path.Combine(_folder, "model", "tokenizer.json"), """
            {
              "added_tokens": [{"id": 0, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
              "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"<s>": 0, "?": 1, "Hi|go": 2}}
            }
            """);
        File.WriteAllText(Path.Combine(_folder, "own.jinja"), "{{ bos_token is defined }}{{ tools }}{{ add_generation_prompt is defined }}{{ strftime_now('%H:%M') }}\n{{ messages[0].content + '' }}");
        File.WriteAllText(Path.Combine(_folder, "bad.jinja"), "\n{% if %}");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Template_ModelAndMessages_ShowsTextAndIds()
    {
        File.WriteAllText(Path.Combine(_folder, "m.json"), """[{"role":"user","content":"Hi"}]""");
        (int exit, string output, string error) = await RunAsync("", "template", "./model", "--messages", "m.json");
        Assert.True(exit == 0, error);
        Assert.Equal("<s>Hi|go\n\n[0] 2\n", output.ReplaceLineEndings("\n"));
        Assert.Contains("2 tokens, 1 of them special (in brackets)", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Template_Json_IsOneObject()
    {
        (int exit, string output, _) = await RunAsync("""{"messages":[{"role":"user","content":"Hi"}],"add_generation_prompt":true,"bos_token":""}""", "template", "./model", "--messages", "-", "--json");
        Assert.Equal(0, exit);
        using System.Text.Json.JsonDocument json = System.Text.Json.JsonDocument.Parse(output);
        Assert.Equal(("Hi|go", "[2]", "[false]"), (json.RootElement.GetProperty("text").GetString(), Compact(json, "ids"), Compact(json, "special")));
    }

    [Fact]
    public async Task Template_NoMessages_RendersASample()
    {
        (int exit, string output, _) = await RunAsync("", "template", "./model");
        Assert.Equal(0, exit);
        Assert.StartsWith("<s>Hello, how are you?|go", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Template_Lines_AreAnsweredInOrder_WhateverTheyAre()
    {
        const string Lines = """
            {"messages":[{"role":"user","content":"é<b>"}],"now":"2024-07-26T13:37:05","bos_token":"<s>"}
            nonsense
            {"messages":[{"content":5}]}
            {"messages":[{"content":""}],"now":"soon"}
            []
            {"messages":[{"content":"x"}],"tools":[1],"add_generation_prompt":false,"now":"2024-07-26T01:02:03"}
            """;
        (int exit, string output, _) = await RunAsync(Lines, "template", "own.jinja", "--jsonl");
        Assert.Equal(0, exit);
        string[] answers = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(6, answers.Length);
        Assert.Equal("""{"text":"TrueNoneFalse13:37\né<b>"}""", answers[0]);
        Assert.StartsWith("""{"error":"'n""", answers[1], StringComparison.Ordinal);
        Assert.EndsWith(""","line":null,"column":null}""", answers[1], StringComparison.Ordinal);
        Assert.Equal("""{"error":"unsupported operand type(s) for +: 'int' and 'str'","line":2,"column":24}""", answers[2]);
        Assert.StartsWith("""{"error":"'now' must be a local time""", answers[3], StringComparison.Ordinal);
        Assert.Contains("\"line\":2", answers[4], StringComparison.Ordinal);
        Assert.Equal("""{"text":"False[1]True01:02\nx"}""", answers[5]);
    }

    [Fact]
    public async Task Template_LinesForATemplateThatDoesNotCompile_AllGetTheError()
    {
        (int exit, string output, _) = await RunAsync("{}\n{}\n", "template", "bad.jinja", "--jsonl");
        Assert.Equal(0, exit);
        Assert.Equal(2, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Count(l => l.EndsWith(",\"line\":2,\"column\":7}", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(17, "The chat template does not compile: bad.jinja, line 2, column 7", "template", "bad.jinja")]
    [InlineData(2, "There is no file", "template", "absent.jinja")]
    [InlineData(14, "Model not found", "template", "./absent")]
    [InlineData(2, "There is no file", "template", "own.jinja", "--messages", "absent.json")]
    [InlineData(2, "'./empty' has no chat template.", "template", "./empty")]
    public async Task Template_WhatIsNotThere_IsSaidInOneSentence(int code, string message, params string[] arguments)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "empty"));
        (int exit, _, string error) = await RunAsync("", arguments);
        Assert.Equal(code, exit);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    private static string Compact(System.Text.Json.JsonDocument json, string name) => string.Concat(json.RootElement.GetProperty(name).GetRawText().Where(c => !char.IsWhiteSpace(c)));

    private async Task<(int Exit, string Output, string Error)> RunAsync(string input, params string[] arguments)
    {
        ProcessContext context = TestContexts.Create(_folder, input: input);
        int exit = await CommandLine.RunAsync(arguments, context);
        return (exit, context.Out.ToString()!, context.Error.ToString()!);
    }
}
