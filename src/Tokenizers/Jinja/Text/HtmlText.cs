using System.Net;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Takes HTML out of texts.</summary>
internal static class HtmlText
{
    /// <summary>Without comments and tags, with single spaces and without entities.</summary>
    public static StringValue StripTags(StringValue text)
    {
        string stripped = Remove(Remove(text.Text, "<!--", "-->"), "<", ">");
        string[] words = stripped.Split(default(char[]), StringSplitOptions.RemoveEmptyEntries);
        return Unescape(text.Plain().Derive(string.Join(' ', words)));
    }

    public static StringValue Unescape(StringValue text) => text.Derive(WebUtility.HtmlDecode(text.Text));

    private static string Remove(string text, string begin, string end)
    {
        System.Text.StringBuilder kept = new(text.Length);
        int done = 0;
        while (text.IndexOf(begin, done, StringComparison.Ordinal) is int start and >= 0
            && text.IndexOf(end, start + begin.Length, StringComparison.Ordinal) is int stop and >= 0)
        {
            kept.Append(text, done, start - done);
            done = stop + end.Length;
        }

        return kept.Append(text, done, text.Length - done).ToString();
    }
}
