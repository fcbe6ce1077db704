using LlmService.Tokenizers.Jinja;
using LlmService.Tokenizers.Jinja.Builtins;

namespace LlmService.Tokenizers.Chat;

/// <summary>Ends a prompt where its last message ends.</summary>
internal static class FinalMessage
{
    /// <exception cref="TemplateException">The last message does not stand in the prompt.</exception>
    public static StringValue CutBehind(StringValue prompt, IReadOnlyList<ChatMessage> messages, string template)
    {
        string? message = messages.Count == 0 ? null : LastText(messages[^1]);
        string? trimmed = message is null ? null : Trim(message, right: true);
        int at = trimmed is null ? -1 : prompt.Text.LastIndexOf(trimmed, StringComparison.Ordinal);
        if (at < 0)
            throw new TemplateException(TemplateFailure.Value, template, 1, 1, "the last message is to be continued, but the template does not print its text as it is");
        // Where the template keeps the spaces behind the message, they are part of it.
        string spaced = Trim(message!, right: false);
        bool isKept = message == spaced && string.CompareOrdinal(prompt.Text, at, spaced, 0, spaced.Length) == 0;
        return prompt.Units(0, at + (isKept ? spaced.Length : trimmed!.Length));
    }

    /// <summary>The content, or the last part of it that has a text.</summary>
    private static string? LastText(ChatMessage message) => message.Fields.Get("content") switch
    {
        StringValue text => text.Text,
        ListValue parts => parts.Items.OfType<DictValue>().Select(p => p.Get("text")).OfType<StringValue>().LastOrDefault()?.Text,
        _ => null,
    };

    private static string Trim(string text, bool right) => StringMethods.Strip(new StringValue(text), null, left: true, right).Text;
}
