namespace LlmService.Tokenizers.Jinja;

/// <summary>Texts that are marked as safe HTML, and the escaping of all others.</summary>
internal static class Markup
{
    /// <summary>Python's <c>escape</c>: what is marked stays, all else is printed and escaped.</summary>
    public static StringValue Escape(Value value, Rendering rendering)
    {
        StringValue text = value.ToText(rendering);
        return text.IsMarkup ? text : EscapeText(text, rendering);
    }

    /// <summary>Escapes whether it is marked or not.</summary>
    public static StringValue EscapeText(StringValue text, Rendering rendering)
    {
        if (text.Text.AsSpan().IndexOfAny("&<>'\"") < 0) return text.WithMarkup(true);
        TextBuffer buffer = new(rendering);
        int done = 0;
        for (int i = 0; i < text.Text.Length; i++)
        {
            if (Entity(text.Text[i]) is not { } entity) continue;
            buffer.Append(text, done, i - done);
            buffer.Append(entity, text.IsDataAt(i));
            done = i + 1;
        }

        buffer.Append(text, done, text.Text.Length - done);
        return buffer.Build(isMarkup: true);
    }

    private static string? Entity(char c) => c switch
    {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '\'' => "&#39;",
        '"' => "&#34;",
        _ => null,
    };
}
