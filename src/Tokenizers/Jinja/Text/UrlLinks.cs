using System.Text;
using System.Text.RegularExpressions;
using LlmService.Tokenizers.Jinja.Builtins;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Makes links of the URLs in a text.</summary>
internal sealed partial class UrlLinks
{
    private readonly int? _limit;
    private readonly string _rel;
    private readonly string _target;
    private readonly IReadOnlyList<string> _schemes;

    private UrlLinks(Value?[] arguments, Rendering rendering)
    {
        _limit = arguments[0] is null or NoneValue ? null : Globals.Int32(arguments[0]!);
        IEnumerable<string> rel = arguments[3] is StringValue given ? given.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries) : [];
        if (arguments[1]?.Truth ?? false) rel = rel.Append("nofollow");
        _rel = Attribute("rel", new StringValue(string.Join(' ', rel.Append("noopener").Distinct().Order(StringComparer.Ordinal))), rendering);
        _target = arguments[2] is StringValue { Truth: true } target ? Attribute("target", target, rendering) : "";
        _schemes = arguments[4] is null or NoneValue ? [] : [.. arguments[4]!.Elements(rendering).Select(s => StringMethods.Text(s).Text)];
        foreach (string scheme in _schemes)
            if (!Scheme.IsMatch(scheme)) throw JinjaError.Value($"'{scheme}' is not a valid URI scheme prefix.");
    }

    public static StringValue Make(Value value, Value?[] arguments, Rendering rendering)
    {
        UrlLinks links = new(arguments, rendering);
        StringValue text = Markup.Escape(value, rendering);
        rendering.Steps(1000 + 16L * text.Text.Length);
        StringBuilder linked = new(text.Text.Length);
        try
        {
            foreach (ValueMatch match in Words.EnumerateMatches(text.Text))
            {
                string word = text.Text.Substring(match.Index, match.Length);
                linked.Append(PythonText.IsSpace(word[0]) ? word : links.Link(word));
                rendering.CheckLength(linked.Length);
            }
        }
        catch (RegexMatchTimeoutException)
        {
            throw JinjaError.Limit("'urlize' takes too long for this text");
        }

        rendering.ChargeText(linked.Length);
        return text.Derive(linked.ToString()).WithMarkup(rendering.AutoEscape);
    }

    private string Link(string word)
    {
        // 1. Brackets before, 2. punctuation behind, 3. brackets that belong to the URL, 4. what it is.
        string head = Head.Match(word).Value;
        string middle = word[head.Length..];
        string tail = Tail.Match(middle).Value;
        middle = middle[..^tail.Length];
        foreach ((string open, string close) in (ReadOnlySpan<(string, string)>)[("(", ")"), ("<", ">"), ("&lt;", "&gt;")])
            Balance(ref middle, ref tail, open, close);
        return head + Linked(middle) + tail;
    }

    private static void Balance(ref string middle, ref string tail, string open, string close)
    {
        int opened = middle.AsSpan().Count(open);
        if (opened <= middle.AsSpan().Count(close)) return;
        for (int count = Math.Min(opened, tail.AsSpan().Count(close)); count > 0; count--)
        {
            int end = tail.IndexOf(close, StringComparison.Ordinal) + close.Length;
            middle += tail[..end];
            tail = tail[end..];
        }
    }

    private string Linked(string middle)
    {
        if (Http.IsMatch(middle))
        {
            string scheme = middle.StartsWith("https://", StringComparison.Ordinal) || middle.StartsWith("http://", StringComparison.Ordinal) ? "" : "https://";
            return $"<a href=\"{scheme}{middle}\"{_rel}{_target}>{Trim(middle)}</a>";
        }

        if (middle.StartsWith("mailto:", StringComparison.Ordinal) && Email.IsMatch(middle[7..])) return $"<a href=\"{middle}\">{middle[7..]}</a>";
        if (middle.Contains('@', StringComparison.Ordinal) && !middle.StartsWith("www.", StringComparison.Ordinal) && !middle.Contains(':', StringComparison.Ordinal) && Email.IsMatch(middle))
            return $"<a href=\"mailto:{middle}\">{middle}</a>";
        foreach (string scheme in _schemes)
            if (middle != scheme && middle.StartsWith(scheme, StringComparison.Ordinal)) middle = $"<a href=\"{middle}\"{_rel}{_target}>{middle}</a>";
        return middle;
    }

    private string Trim(string url) => _limit is int limit && url.Length > limit ? $"{url[..Math.Max(0, limit)]}..." : url;

    private static string Attribute(string name, StringValue value, Rendering rendering) => $" {name}=\"{Markup.EscapeText(value, rendering).Text}\"";

    [GeneratedRegex(@"\s+|\S+", RegexOptions.None, matchTimeoutMilliseconds: 2000)]
    private static partial Regex Words { get; }

    [GeneratedRegex(@"\A(?:[(<]|&lt;)*", RegexOptions.None, matchTimeoutMilliseconds: 2000)]
    private static partial Regex Head { get; }

    [GeneratedRegex(@"(?:[)>.,\n]|&gt;)*\z", RegexOptions.RightToLeft, matchTimeoutMilliseconds: 2000)]
    private static partial Regex Tail { get; }

    [GeneratedRegex(@"\A[\w.+-]{2,}:(?:/){0,2}\z", RegexOptions.None, matchTimeoutMilliseconds: 2000)]
    private static partial Regex Scheme { get; }

    [GeneratedRegex(@"\A\S+@\w[\w.-]*\.\w+\n?\z", RegexOptions.None, matchTimeoutMilliseconds: 2000)]
    private static partial Regex Email { get; }

    [GeneratedRegex("""
        \A
        (?:
            (?:https?://|www\.) (?:(?:[\w%-]+\.)+)? (?: [a-z]{2,63} | xn--[\w%]{2,59} )
        |
            (?:[\w%-]{2,63}\.)+ (?:com|net|int|edu|gov|org|info|mil)
        |
            (?:https?://) (?: \d{1,3}(?:\.\d{1,3}){3} | \[(?:[\da-f]{0,4}:){2}(?:[\da-f]{0,4}:?){1,6}] )
        )
        (?: :\d{1,5} )?
        (?: [/?\#]\S* )?
        \n?\z
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 2000)]
    private static partial Regex Http { get; }
}
