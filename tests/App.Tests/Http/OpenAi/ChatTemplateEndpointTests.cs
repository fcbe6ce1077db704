using System.Net;
using System.Text.Json;
using LlmService.Inference;
using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;
using LlmService.Tokenizers;
using LlmService.Tokenizers.Chat;

namespace LlmService.App.Http.OpenAi;

/// <summary>Chats with a model that has a chat template.</summary>
public sealed class ChatTemplateEndpointTests
{
    private const string Path = "/v1/chat/completions";
    private const string Simple = "{% for m in messages %}[{{ m.role }}|{{ m.content }}]{% endfor %}{% if add_generation_prompt %}[assistant|{% endif %}";
    private readonly List<string> _prompts = [];

    [Fact]
    public async Task Chat_Template_IsWhatTheModelReads()
    {
        await using TestHost host = await StartAsync(Simple);
        JsonElement answer = await host.PostForJsonAsync(Path, Body("""[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Hel"},{"type":"text","text":"lo"}]}]"""));
        Assert.Equal(["[system|Be brief.][user|Hello][assistant|"], _prompts);
        Assert.Equal("ok", answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
        Assert.Equal(_prompts[0].Length, answer.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
    }

    [Fact]
    public async Task Chat_ContentInParts_StaysInPartsForTemplatesThatReadThem()
    {
        const string Parts = "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}<{{ p.text }}>{% endfor %}{% endif %}{% endfor %}";
        await using TestHost host = await StartAsync(Parts);
        await host.PostForJsonAsync(Path, Body("""[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},{"role":"user","content":"c"}]"""));
        Assert.Equal(["<a><b>c"], _prompts);
    }

    [Fact]
    public async Task Chat_TemplateThatTakesPartsOnly_GetsTextsAsParts()
    {
        await using TestHost host = await StartAsync("{% for m in messages %}{% for p in m.content %}<{{ p.text }}>{% endfor %}{% endfor %}");
        await host.PostForJsonAsync(Path, Body("""[{"role":"user","content":"abc"}]"""));
        Assert.Equal(["<abc>"], _prompts);
    }

    [Fact]
    public async Task Chat_DeveloperMessage_IsASystemMessageUnlessTheTemplateKnowsBetter()
    {
        await using (TestHost host = await StartAsync(Simple))
            await host.PostForJsonAsync(Path, Body("""[{"role":"developer","content":"D"},{"role":"user","content":"U"}]"""));
        await using (TestHost host = await StartAsync("{# knows developer #}" + Simple))
            await host.PostForJsonAsync(Path, Body("""[{"role":"developer","content":"D"},{"role":"user","content":"U"}]"""));
        Assert.Equal(["[system|D][user|U][assistant|", "[developer|D][user|U][assistant|"], _prompts);
    }

    [Fact]
    public async Task Chat_KwargsDocumentsAndClock_ReachTheTemplate()
    {
        await using TestHost host = await StartAsync("{{ strftime_now('%Y') }}{{ x.y if x }}{{ documents[0].text if documents }}{{ messages[0].content }}");
        await host.PostForJsonAsync(Path, Body("""[{"role":"user","content":"U"}]""", ""","chat_template_kwargs":{"x":{"y":7}},"documents":[{"text":"Doc"}]"""));
        Assert.Equal(["20237DocU"], _prompts);
    }

    [Fact]
    public async Task Chat_ContinueFinalMessage_EndsWithIt()
    {
        await using TestHost host = await StartAsync(Simple);
        await host.PostForJsonAsync(Path, Body("""[{"role":"user","content":"U"},{"role":"assistant","content":"Sure, "}]""", ""","continue_final_message":true"""));
        await host.PostForJsonAsync(Path, Body("""[{"role":"user","content":"U"}]""", ""","add_generation_prompt":false"""));
        Assert.Equal(["[user|U][assistant|Sure, ", "[user|U]"], _prompts);
    }

    [Theory]
    [InlineData("{% for m in messages %}{{ raise_exception('Only users, please') if m.role == 'tool' else m.content }}{% endfor %}",
        """[{"role":"user","content":"x"},{"role":"tool","content":"y"}]""", "", "invalid_request", "messages", "The chat template does not accept these messages: Only users, please (test.jinja, line 1)")]
    [InlineData("{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}",
        """[{"role":"user","content":"x"},{"role":"system","content":"y"}]""", "", "invalid_request", "messages[1].role", "The chat template of this model has no place for a system message.")]
    [InlineData("{{ messages[5].content.x }}", """[{"role":"user","content":"x"}]""", "", "invalid_request", "messages", "The chat template cannot render these messages: test.jinja, line 1, column 15: ")]
    [InlineData("{% include 'x' %}", """[{"role":"user","content":"x"}]""", "", "unsupported_parameter", "chat_template", "The chat template asks for something that this service does not do: test.jinja, line 1: 'include' is not supported")]
    [InlineData(Simple, """[{"role":"user","content":"x"}]""", ""","documents":[{"text":"d"}]""", "unsupported_parameter", "documents", "The chat template of this model does not print documents.")]
    [InlineData(Simple, """[{"role":"user","content":"x"}]""", ""","tools":[{"type":"function"}]""", "unsupported_parameter", "tools", "This service does not do what 'tools' asks for.")]
    [InlineData(Simple, """[{"role":"user","content":"x"}]""", ""","chat_template_kwargs":{"messages":[]}""", "invalid_request", "chat_template_kwargs.messages", "'messages' is a field of its own")]
    [InlineData(Simple, """[{"role":"user","content":"x"}]""", ""","chat_template_kwargs":[1]""", "invalid_request", "chat_template_kwargs", "'chat_template_kwargs' must be an object, not an array.")]
    [InlineData(Simple, """[{"role":"user","content":"x"}]""", ",\"documents\":\"d\"", "invalid_request", "documents", "'documents' must be an array of objects.")]
    [InlineData(Simple, """[{"role":"user","content":"x"}]""", ""","continue_final_message":true,"add_generation_prompt":true""", "invalid_request", "continue_final_message", "'continue_final_message' and 'add_generation_prompt' contradict")]
    [InlineData("{{ messages }}", """[{"role":"user","content":"x\ny"}]""", ""","continue_final_message":true""", "invalid_request", "messages", "The chat template cannot render these messages: test.jinja")]
    public async Task Chat_WhatTheTemplateDoesNotTake_IsRefusedByName(string template, string messages, string more, string code, string parameter, string message)
    {
        await using TestHost host = await StartAsync(template);
        using HttpResponseMessage response = await host.PostAsync(Path, Body(messages, more));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        JsonElement error = (await TestHost.JsonAsync(response)).GetProperty("error");
        Assert.Equal((code, parameter), (error.GetProperty("code").GetString(), error.GetProperty("param").GetString()));
        Assert.StartsWith(message, error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Empty(_prompts);
    }

    [Theory]
    [InlineData("documents", ""","documents":[{"text":"d"}]""")]
    [InlineData("chat_template_kwargs", ""","chat_template_kwargs":{"a":1}""")]
    [InlineData("add_generation_prompt", ""","add_generation_prompt":false""")]
    [InlineData("continue_final_message", ""","continue_final_message":true""")]
    public async Task Chat_ModelWithoutTemplate_RefusesWhatOnlyATemplateDoes(string parameter, string more)
    {
        await using TestHost host = await TestHost.StartAsync("ok");
        using HttpResponseMessage response = await host.PostAsync(Path, Body("""[{"role":"user","content":"x"}]""", more));
        JsonElement error = (await TestHost.JsonAsync(response)).GetProperty("error");
        Assert.Equal(("unsupported_parameter", parameter), (error.GetProperty("code").GetString(), error.GetProperty("param").GetString()));
    }

    [Fact]
    public async Task Chat_TemplateThatDoesNotCompile_IsRefusedWithItsLine()
    {
        TemplateException failure = Assert.Throws<TemplateException>(() => ChatTemplate.Parse("a\n{% if %}", "chat_template.jinja"));
        await using TestHost host = await TestHost.StartAsync(TestHost.Ready("acme/tiny", Engine(null, failure)));
        using HttpResponseMessage response = await host.PostAsync(Path, Body("""[{"role":"user","content":"x"}]"""));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
        JsonElement error = (await TestHost.JsonAsync(response)).GetProperty("error");
        Assert.StartsWith("The chat template does not compile: chat_template.jinja, line 2, column 7: ", error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ApplyTemplate_GivesPromptAndTokens_AndUsersWriteNoControlTokens()
    {
        await using TestHost host = await StartAsync("{% for m in messages %}{{ m.content }}<end>{% endfor %}");
        JsonElement answer = await host.PostForJsonAsync("/apply-template", """{"messages":[{"role":"user","content":"<end>"}]}""");
        Assert.Equal("""{"model":"acme/tiny","prompt":"<end><end>","count":6,"tokens":[60,101,110,100,62,256]}""", answer.GetRawText());
    }

    [Fact]
    public async Task ApplyTemplate_Tools_ArePrinted()
    {
        await using TestHost host = await StartAsync("{{ tools|tojson if tools }}{{ messages[0].content }}");
        JsonElement answer = await host.PostForJsonAsync("/apply-template", """{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f"}}]}""");
        Assert.Equal("""[{"type": "function", "function": {"name": "f"}}]x""", answer.GetProperty("prompt").GetString());
    }

    [Fact]
    public async Task ApplyTemplate_ModelWithoutTemplate_GivesThePlainPrompt()
    {
        await using TestHost host = await TestHost.StartAsync("ok");
        JsonElement answer = await host.PostForJsonAsync("/apply-template", """{"model":"acme/tiny","messages":[{"role":"user","content":"x"}]}""");
        Assert.Equal("User: x\nAssistant:", answer.GetProperty("prompt").GetString());
        Assert.Equal(18, answer.GetProperty("count").GetInt32());
    }

    private static string Body(string messages, string more = "") => $$"""{"model":"acme/tiny","messages":{{messages}}{{more}}}""";

    private Task<TestHost> StartAsync(string template) => TestHost.StartAsync(TestHost.Ready("acme/tiny", Engine(ChatTemplate.Parse(template, "test.jinja"), null)));

    private LlmEngine Engine(ChatTemplate? template, TemplateException? failure)
    {
        ScriptedRunner runner = new(prompt =>
        {
            _prompts.Add(prompt);
            return "ok";
        });
        GenerationConfiguration generation = new() { EndTokenIds = [ByteTokenizer.EndTokenId] };
        EngineOptions options = new() { Workers = new WorkerPool(1), MaxRunningSequences = 8, MaxWaitingRequests = 8 };
        return new LlmEngine(runner, ByteTokenizer.Create(), new TokenizerConfig { HasChatTemplate = true }, generation, options)
        {
            ChatTemplate = template,
            ChatTemplateFailure = failure,
        };
    }
}
