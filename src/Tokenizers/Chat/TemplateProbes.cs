using System.Text.Json;

namespace LlmService.Tokenizers.Chat;

/// <summary>Finds out what a template can do: renders small conversations and looks for what was put into them.</summary>
internal static class TemplateProbes
{
    private const string Mark = "Quetzalcoatlus";
    private static readonly DateTime Now = new(2024, 1, 1);
    private static readonly string[] ThinkingVariables = ["enable_thinking", "thinking"];

    private static readonly JsonElement User = Json("""{"role":"user","content":"Hi"}""");
    private static readonly JsonElement Assistant = Json("""{"role":"assistant","content":"Ok"}""");

    private static readonly JsonElement PlainPart = Json("""{"role":"user","content":[{"type":"text","text":"Hi"}]}""");

    private static readonly JsonElement MarkedTools = Json(
        """[{"type":"function","function":{"name":"MARK","description":"d","parameters":{"type":"object","properties":{},"required":[]}}}]""".Replace("MARK", Mark, StringComparison.Ordinal));

    public static ChatTemplateAbilities Ask(ChatTemplate template)
    {
        bool takesText = Prints(template, new() { Messages = Messages(Marked("user")) });
        bool takesParts = Prints(template, new() { Messages = Messages(Parts("user")) }, but: "'type'");
        return new(
            SystemRole: Prints(template, new() { Messages = Messages(Marked("system"), User) }) || Prints(template, new() { Messages = Messages(Parts("system"), PlainPart) }, but: "'type'"),
            DeveloperRole: template.Mentions("developer") && Prints(template, new() { Messages = Messages(Marked("developer"), User) }),
            Text: takesText,
            ContentParts: takesParts,
            Tools: Prints(template, new() { Messages = Messages(User), Tools = MarkedTools }),
            ToolResults: Prints(template, new() { Messages = Messages(User, Call(), Json($$"""{"role":"tool","name":"f","tool_call_id":"abcdefghi","content":"{{Mark}}"}""")) }),
            Documents: Prints(template, new() { Messages = Messages(User), Documents = Json($$"""[{"title":"t","text":"{{Mark}}"}]""") }),
            ThinkingVariable: ThinkingVariables.FirstOrDefault(v => Matters(template, v)));
    }

    private static JsonElement Marked(string role) => Json($$"""{"role":"{{role}}","content":"{{Mark}}"}""");

    private static JsonElement Parts(string role) => Json($$"""{"role":"{{role}}","content":[{"type":"text","text":"{{Mark}}"}]}""");

    private static JsonElement Call() =>
        Json("""{"role":"assistant","content":"","tool_calls":[{"id":"abcdefghi","type":"function","function":{"name":"f","arguments":{"a":1}}}]}""");

    /// <summary>Whether the mark is in what the template prints, and something else is not.</summary>
    private static bool Prints(ChatTemplate template, ChatTemplateInput input, string? but = null) =>
        Render(template, input) is { } text && text.Contains(Mark, StringComparison.Ordinal) && (but is null || !text.Contains(but, StringComparison.Ordinal));

    /// <summary>Whether a switch changes what is printed, with or without an answer before.</summary>
    private static bool Matters(ChatTemplate template, string variable)
    {
        foreach (IReadOnlyList<ChatMessage> messages in (IReadOnlyList<ChatMessage>[])[Messages(User), Messages(User, Assistant, User)])
        {
            ChatTemplateInput input = new() { Messages = messages, AddGenerationPrompt = true };
            string? on = Render(template, With(input, variable, "true"));
            if (on is not null && on != Render(template, With(input, variable, "false"))) return true;
        }

        return false;
    }

    private static ChatTemplateInput With(ChatTemplateInput input, string variable, string value) =>
        input with { Variables = new Dictionary<string, JsonElement> { [variable] = Json(value) } };

    private static string? Render(ChatTemplate template, ChatTemplateInput input)
    {
        try
        {
            return template.Render(input with { Now = Now }).Text;
        }
        catch (Exception e) when (e is TemplateException or ArgumentException)
        {
            return null;
        }
    }

    private static IReadOnlyList<ChatMessage> Messages(params JsonElement[] messages) => [.. messages.Select(ChatMessage.FromJson)];

    private static JsonElement Json(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}
