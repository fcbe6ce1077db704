using System.Text.Json;
using LlmService.Tokenizers.Chat;

namespace LlmService.Tokenizers.Tests.Chat;

public sealed class ChatTemplateTests : IDisposable
{
    private const string Plain = "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";
    private readonly string _folder = Directory.CreateTempSubdirectory("chat-template-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Load_NoTemplate_IsNull()
    {
        Write("tokenizer_config.json", """{"eos_token":"</s>"}""");
        Assert.Null(ChatTemplate.Load(_folder));
    }

    [Fact]
    public void Load_SeveralPlaces_TheFileOfItsOwnComesFirst()
    {
        Write("chat_template.json", """{"chat_template":"from json"}""");
        Assert.Equal("from json", Render());
        Write("tokenizer_config.json", """{"chat_template":"from config"}""");
        Assert.Equal("from config", Render());
        Write("chat_template.jinja", "from jinja\n");
        Assert.Equal("from jinja", Render());
    }

    [Fact]
    public void Load_NamedTemplates_ToolsChooseTheirs()
    {
        Write("tokenizer_config.json", """{"chat_template":[{"name":"default","template":"D"},{"name":"tool_use","template":"T{{ tools[0].name }}"},{"name":"rag","template":"R"}]}""");
        ChatTemplate template = ChatTemplate.Load(_folder)!;
        Assert.Equal(["default", "tool_use", "rag"], template.Names);
        Assert.Equal("D", template.RenderNow(Input()).Text);
        Assert.Equal("Tf", template.RenderNow(Input() with { Tools = Json("""[{"name":"f"}]""") }).Text);
        Assert.Equal("R", template.RenderNow(Input() with { TemplateName = "rag" }).Text);
        ArgumentException e = Assert.Throws<ArgumentException>(() => template.RenderNow(Input() with { TemplateName = "x" }));
        Assert.StartsWith("There is no chat template 'x'; there are: default, tool_use, rag.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_AdditionalFiles_AreNamedAfterTheirFiles()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "additional_chat_templates"));
        Write("additional_chat_templates/tool_use.jinja", "T");
        Write("chat_template.jinja", "D");
        Assert.Equal(["default", "tool_use"], ChatTemplate.Load(_folder)!.Names);
    }

    [Fact]
    public void Load_NoDefault_SaysWhichThereAre()
    {
        Write("tokenizer_config.json", """{"chat_template":[{"name":"rag","template":"R"}]}""");
        ArgumentException e = Assert.Throws<ArgumentException>(() => ChatTemplate.Load(_folder)!.RenderNow(Input()));
        Assert.StartsWith("None of the chat templates is the default; name one of: rag.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_DoesNotCompile_NamesTheFileAndTheLine()
    {
        Write("chat_template.jinja", "ok\n{% if %}");
        TemplateException e = Assert.Throws<TemplateException>(() => ChatTemplate.Load(_folder));
        Assert.Equal(("chat_template.jinja", 2), (e.Template, e.Line));
    }

    [Fact]
    public void Load_TemplateIsNoText_NamesFileAndPath()
    {
        Write("tokenizer_config.json", """{"chat_template":5}""");
        TokenizerException e = Assert.Throws<TokenizerException>(() => ChatTemplate.Load(_folder));
        Assert.Equal("$.chat_template", e.JsonPath);
    }

    [Fact]
    public void Render_SpecialTokens_AreVariables()
    {
        Write("tokenizer_config.json", """{"bos_token":{"content":"<s>"},"eos_token":"</s>","extra_special_tokens":{"image_token":"<img>"},"pad_token":null}""");
        Write("special_tokens_map.json", """{"eos_token":"<other>","unk_token":"<unk>","additional_special_tokens":["<a>","<b>"]}""");
        Write("chat_template.jinja", "{{ bos_token }}{{ eos_token }}{{ unk_token }}{{ image_token }}{{ additional_special_tokens[1] }}{{ pad_token is defined }}");
        Assert.Equal("<s></s><unk><img><b>False", Render());
    }

    [Fact]
    public void Render_Everything_ReachesTheTemplate()
    {
        ChatTemplate template = ChatTemplate.Parse("{{ tools is none }}{{ documents[0].title }}{{ x.y }}{{ add_generation_prompt }}{{ strftime_now('%Y') }}{{ eos_token is defined }}", "t");
        ChatTemplateInput input = Input() with
        {
            Documents = Json("""[{"title":"D"}]"""),
            AddGenerationPrompt = true,
            Variables = new Dictionary<string, JsonElement> { ["x"] = Json("""{"y":5}""") },
            Now = new DateTime(2031, 1, 1),
        };
        Assert.Equal("TrueD5True2031False", template.RenderNow(input).Text);
    }

    [Fact]
    public void Render_ContentAsParts_ReachesTheTemplate()
    {
        ChatTemplate template = ChatTemplate.Parse("{% for m in messages %}{% for p in m.content %}{{ p.type }}={{ p.text }};{% endfor %}{% endfor %}", "t");
        IReadOnlyList<ChatMessage> messages = ChatMessage.ListFromJson(Json("""[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]"""));
        Assert.Equal("text=a;text=b;", template.RenderNow(new() { Messages = messages }).Text);
        Assert.Equal("ab", messages[0].Text);
    }

    [Theory]
    [InlineData("Sure, ", "user:Hi;assistant:Sure, ")]
    [InlineData("Sure", "user:Hi;assistant:Sure")]
    [InlineData("  Sure ", "user:Hi;assistant:  Sure")]
    public void Render_ContinuesFinalMessage_EndsBehindIt(string answer, string expected)
    {
        ChatTemplate template = ChatTemplate.Parse(Plain, "t");
        ChatTemplateInput input = new() { Messages = [new("user", "Hi"), new("assistant", answer)], ContinueFinalMessage = true };
        Assert.Equal(expected, template.RenderNow(input).Text);
    }

    [Fact]
    public void Render_ContinuesTrimmedMessage_EndsWithoutTheSpaces()
    {
        ChatTemplate template = ChatTemplate.Parse("{% for m in messages %}[{{ m.content | trim }}]{% endfor %}", "t");
        Assert.Equal("[Hi][Sure", template.RenderNow(new() { Messages = [new("user", "Hi"), new("assistant", "Sure, "[..4] + " ")], ContinueFinalMessage = true }).Text);
    }

    [Fact]
    public void Render_ContinuesWhatIsNotPrinted_Fails()
    {
        ChatTemplate template = ChatTemplate.Parse("nothing", "t");
        TemplateException e = Assert.Throws<TemplateException>(() => template.RenderNow(Input() with { ContinueFinalMessage = true }));
        Assert.Contains("does not print its text", e.Reason, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => template.RenderNow(Input() with { ContinueFinalMessage = true, AddGenerationPrompt = true }));
    }

    [Fact]
    public void Render_ReservedVariable_IsRefused() => Assert.Throws<ArgumentException>(
        () => ChatTemplate.Parse("x", "t").RenderNow(Input() with { Variables = new Dictionary<string, JsonElement> { ["messages"] = Json("[]") } }));

    [Fact]
    public void FromJson_NoObject_Fails()
    {
        Assert.Throws<JsonException>(() => ChatMessage.FromJson(Json("5")));
        Assert.Throws<JsonException>(() => ChatMessage.ListFromJson(Json("{}")));
    }

    private static ChatTemplateInput Input() => new() { Messages = [new("user", "Hi")] };

    private string Render() => ChatTemplate.Load(_folder)!.RenderNow(Input()).Text;

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_folder, name), text);

    private static JsonElement Json(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}
