using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace LlmService.App.Tasks;

/// <summary>Reads a list of tags from what a model wrote, however it wrote it.</summary>
internal static partial class TagList
{
    private const int MaxTags = 10;
    private const int MaxTagLength = 60;

    private static readonly JsonDocumentOptions LenientJson = new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    /// <summary>The tags, in their order: lower case, each once, at most ten.</summary>
    public static IReadOnlyList<string> Parse(string text)
    {
        // 1. Only what is meant as the list; 2. one item a line; 3. each item clean.
        string list = SpecialTokenTexts.Remove(text);
        list = Fence.Match(list) is { Success: true } fence ? fence.Groups["inside"].Value : list;
        list = FromJson(list) ?? Announcement.Replace(list, "");
        string[] items = Separator.Split(string.Join('\n', list.Split('\n').Select(OneItemALine)));
        return [.. items.Select((item, i) => Clean(i > 0 ? And.Replace(item, "") : item)).Where(IsTag).Distinct(StringComparer.Ordinal).Take(MaxTags)];
    }

    /// <summary>The tags of several parts of a document: those that most parts have come first, then those that came first.</summary>
    public static IReadOnlyList<string> Merge(IReadOnlyList<IReadOnlyList<string>> parts) =>
        [.. parts.SelectMany(tags => tags).GroupBy(tag => tag, StringComparer.Ordinal).OrderByDescending(same => same.Count()).Select(same => same.Key).Take(MaxTags)];

    /// <summary>The items of a JSON array of texts, or of the first such field of an object, one a line; null when there is none.</summary>
    private static string? FromJson(string text)
    {
        int start = text.AsSpan().IndexOfAny('[', '{');
        int end = text.AsSpan().LastIndexOfAny(']', '}');
        if (start < 0 || end < start)
            return null;
        try
        {
            using JsonDocument json = JsonDocument.Parse(text.AsMemory(start, end + 1 - start), LenientJson);
            return Texts(json.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            // Almost JSON, or half a surrogate pair in it, escaped or not: read like any other text.
            return null;
        }
    }

    private static string? Texts(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => json.GetString(),
        JsonValueKind.Array => string.Join('\n', json.EnumerateArray().Select(Texts).OfType<string>()) is { Length: > 0 } lines ? lines : null,
        JsonValueKind.Object => json.EnumerateObject().OrderByDescending(p => p.Name.Contains("tags", StringComparison.OrdinalIgnoreCase))
            .Select(p => Texts(p.Value)).FirstOrDefault(t => t is not null),
        _ => null,
    };

    // "1. a 2. b", "- a - b" and "#a #b" are lists too when the line begins as one.
    private static string OneItemALine(string line) => line.TrimStart() switch
    {
        string numbered when Number.IsMatch(numbered) => InnerNumber.Replace(numbered, "\n"),
        ['-' or '*' or '•' or '–', ' ', ..] => InnerBullet.Replace(line, "\n"),
        ['#', not (' ' or '#'), ..] => InnerHash.Replace(line, "\n"),
        _ => line,
    };

    private static string Clean(string item)
    {
        string tag = item.Trim(' ', '\t', '"', '\'', '`', '*', '_', '[', ']', '{', '}');
        tag = Number.Replace(Bullet.Replace(tag, ""), "");
        tag = tag.Trim(' ', '\t', '\u3000', '"', '\'', '`', '*', '_', '[', ']', '{', '}', '“', '”', '‘', '’', '«', '»', '「', '」', '『', '』', '《', '》', '【', '】')
            .TrimEnd('.', ':', '!', '?', '。', '：', '…', ' ', '"', '\'', '”');
        if (tag is ['(', .., ')'] or ['（', .., '）'])
            tag = tag[1..^1];
        return Space.Replace(tag.Trim(), " ").ToLowerInvariant();
    }

    private static bool IsTag(string tag) => tag.Length is > 0 and <= MaxTagLength && tag.EnumerateRunes().Any(Rune.IsLetterOrDigit) && !Heading.IsMatch(tag);

    [GeneratedRegex(@"```[a-zA-Z]*\s*(?<inside>.*?)(?:```|$)", RegexOptions.Singleline)]
    private static partial Regex Fence { get; }

    // "Tags:", "Here are the main topics of the text:", "{"tags": [" of JSON that breaks off.
    [GeneratedRegex(@"^\W*(?:[^\n:：,]{0,60}\b)?(?:tags?|keywords?|topics?|themes?|标签|关键词|主题)\b[^\n:：,]{0,40}[:：]", RegexOptions.IgnoreCase)]
    private static partial Regex Announcement { get; }

    [GeneratedRegex(@"[\r\n,;，、；|•·]+")]
    private static partial Regex Separator { get; }

    [GeneratedRegex(@"^\(?\d{1,2}[.)](?:\s+|(?![\s\d])|$)")]
    private static partial Regex Number { get; }

    [GeneratedRegex(@"\s+\(?\d{1,2}[.)]\s+")]
    private static partial Regex InnerNumber { get; }

    [GeneratedRegex(@"^(?:[-–—*•>#+]+\s*)+")]
    private static partial Regex Bullet { get; }

    [GeneratedRegex(@"\s+[-–*•]\s+")]
    private static partial Regex InnerBullet { get; }

    [GeneratedRegex(@"\s+(?=#)")]
    private static partial Regex InnerHash { get; }

    [GeneratedRegex(@"^\s*and\s+", RegexOptions.IgnoreCase)]
    private static partial Regex And { get; }

    [GeneratedRegex(@"^(?:tags|keywords|topics|标签|关键词|主题)$")]
    private static partial Regex Heading { get; }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space { get; }
}
