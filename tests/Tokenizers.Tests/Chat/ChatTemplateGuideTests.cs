using System.Runtime.CompilerServices;
using System.Text.Json;
using LlmService.Tokenizers.Chat;

namespace LlmService.Tokenizers.Tests.Chat;

/// <summary>The examples of docs/chat-templates.md: they run here, and a test compares the page with this file.</summary>
public sealed class ChatTemplateGuideTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("chat-guide-").FullName;
    private readonly List<string> _lines = [];

    public ChatTemplateGuideTests()
    {
        const string Template = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}{{ tools | tojson if tools }}{{ '<think>' if thinking }}{{ '<|assistant|>' if add_generation_prompt }}";
        File.WriteAllText(Path.Combine(_folder, "chat_template.jinja"), Template);
        File.WriteAllText(Path.Combine(_folder, "tokenizer.json"), """
            {
              "added_tokens": [
                {"id": 1, "content": "<|user|>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
                {"id": 2, "content": "<|end|>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
                {"id": 3, "content": "<|assistant|>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}
              ],
              "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0}}
            }
            """);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Render()
    {
        string modelFolder = _folder;
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;

        // example: Render
        ChatTemplate template = ChatTemplate.Load(modelFolder) ?? throw new InvalidOperationException("The model has no chat template.");
        Tokenizer tokenizer = Tokenizer.Load(modelFolder);

        RenderedChat chat = template.Render(new()
        {
            Messages = [new("user", "Is <|end|> the end?")],
            AddGenerationPrompt = true,
        }, cancellationToken);

        string prompt = chat.Text;
        IReadOnlyList<int> ids = chat.Encode(tokenizer).Ids;
        // end

        Assert.Equal("<|user|>Is <|end|> the end?<|end|><|assistant|>", prompt);
        Assert.Equal([1, 0, 2, 3], ids);
    }

    [Fact]
    public void Everything()
    {
        ChatTemplate template = ChatTemplate.Load(_folder)!;
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;
        const string messagesJson = """[{"role":"user","content":"Hi"},{"role":"assistant","content":"Well, "}]""";

        // example: Everything
        using JsonDocument messages = JsonDocument.Parse(messagesJson);
        using JsonDocument tools = JsonDocument.Parse("""[{"type":"function","function":{"name":"get_time"}}]""");
        using JsonDocument no = JsonDocument.Parse("false");

        RenderedChat chat = template.Render(new()
        {
            Messages = ChatMessage.ListFromJson(messages.RootElement),
            Tools = tools.RootElement,
            Variables = new Dictionary<string, JsonElement> { ["thinking"] = no.RootElement },
            ContinueFinalMessage = true,
        }, cancellationToken);
        // end

        Assert.Equal("<|user|>Hi<|end|><|assistant|>Well, ", chat.Text);
    }

    [Fact]
    public void Abilities()
    {
        ChatTemplate template = ChatTemplate.Load(_folder)!;

        // example: Abilities
        ChatTemplateAbilities abilities = template.Abilities;
        if (!abilities.SystemRole) Report("put instructions into the first message of the user");
        if (!abilities.Tools) Report("the model was not trained to call tools");
        if (abilities.ThinkingVariable is { } variable) Report($"thinking is switched by '{variable}'");
        // end

        Assert.Equal(["thinking is switched by 'thinking'"], _lines);
    }

    [Fact]
    public void Errors()
    {
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;

        // example: Errors
        ChatTemplate template = ChatTemplate.Parse("{% if messages[0].role != 'user' %}\n{{ raise_exception('Begin with a user.') }}{% endif %}", "mine.jinja");
        try
        {
            template.Render(new() { Messages = [new("assistant", "Hello.")] }, cancellationToken);
        }
        catch (TemplateException e) when (e.Failure == TemplateFailure.Raised)
        {
            Report($"{e.Template} does not accept this, line {e.Line}, column {e.Column}: {e.Reason}");
        }
        // end

        Assert.Equal(["mine.jinja does not accept this, line 2, column 19: Begin with a user."], _lines);
    }

    [Fact]
    public void Guide_ShowsTheseExamples()
    {
        string guide = Path.GetFullPath(Path.Combine(TestData.Fixture(), "..", "..", "docs", "chat-templates.md"));
        GuideExamples.AssertSame(SourceFile(), guide);
    }

    private static string SourceFile([CallerFilePath] string path = "") => path;

    private void Report(string line) => _lines.Add(line);
}
