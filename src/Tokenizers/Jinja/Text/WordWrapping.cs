using System.Text.RegularExpressions;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Wraps a line as Python's <c>textwrap</c> does.</summary>
internal sealed partial class WordWrapping(int width, bool breaksLongWords, bool breaksOnHyphens)
{
    public List<StringValue> Wrap(StringValue line, Rendering rendering)
    {
        if (width <= 0) throw JinjaError.Value($"invalid width {width} (must be > 0)");
        // The expression looks ahead and behind.
        rendering.Steps(1000 + 16L * line.Text.Length);
        rendering.ChargeText(line.Text.Length);
        Stack<StringValue> chunks = new(Chunks(line).AsEnumerable().Reverse());
        List<StringValue> lines = [];
        while (chunks.Count > 0)
        {
            rendering.Step();
            if (lines.Count > 0 && IsSpace(chunks.Peek())) chunks.Pop();
            List<StringValue> current = TakeLine(chunks);
            if (current.Count > 0 && IsSpace(current[^1])) current.RemoveAt(current.Count - 1);
            if (current.Count > 0) lines.Add(Join(current, rendering));
        }

        return lines;
    }

    private List<StringValue> TakeLine(Stack<StringValue> chunks)
    {
        List<StringValue> current = [];
        int length = 0;
        while (chunks.Count > 0 && length + chunks.Peek().Count <= width)
        {
            length += chunks.Peek().Count;
            current.Add(chunks.Pop());
        }

        if (chunks.Count > 0 && chunks.Peek().Count > width) BreakWord(chunks, current, width - length);
        return current;
    }

    private void BreakWord(Stack<StringValue> chunks, List<StringValue> current, int room)
    {
        if (!breaksLongWords)
        {
            if (current.Count == 0) current.Add(chunks.Pop());
            return;
        }

        StringValue word = chunks.Pop();
        int end = word.UnitOf(room);
        int hyphen = breaksOnHyphens && end > 0 ? word.Text.LastIndexOf('-', end - 1) : -1;
        if (hyphen > 0 && word.Text.AsSpan(0, hyphen).ContainsAnyExcept('-')) end = hyphen + 1;
        current.Add(word.Units(0, end));
        chunks.Push(word.Units(end, word.Text.Length - end));
    }

    private List<StringValue> Chunks(StringValue line)
    {
        List<StringValue> chunks = [];
        int done = 0;
        try
        {
            foreach (ValueMatch match in (breaksOnHyphens ? Separator : Spaces).EnumerateMatches(line.Text))
            {
                if (match.Index > done) chunks.Add(line.Units(done, match.Index - done));
                if (match.Length > 0) chunks.Add(line.Units(match.Index, match.Length));
                done = match.Index + match.Length;
            }
        }
        catch (RegexMatchTimeoutException)
        {
            throw JinjaError.Limit("'wordwrap' takes too long for this text");
        }

        if (done < line.Text.Length) chunks.Add(line.Units(done, line.Text.Length - done));
        return chunks;
    }

    private static StringValue Join(List<StringValue> parts, Rendering rendering)
    {
        TextBuffer buffer = new(rendering);
        foreach (StringValue part in parts) buffer.Append(part);
        return buffer.Build();
    }

    private static bool IsSpace(StringValue text) => text.Text.All(PythonText.IsSpace);

    [GeneratedRegex("""
        [\t\n\x0b\x0c\r\ ]+
        | (?<=[\w!"'&.,?]) -{2,} (?=\w)
        | [^\t\n\x0b\x0c\r\ ]+? (?:
            -(?: (?<=[^\d\W]{2}-) | (?<=[^\d\W]-[^\d\W]-)) (?= [^\d\W] -? [^\d\W])
            | (?=[\t\n\x0b\x0c\r\ ]|\z)
            | (?<=[\w!"'&.,?]) (?=-{2,}\w)
          )
        """, RegexOptions.IgnorePatternWhitespace, matchTimeoutMilliseconds: 2000)]
    private static partial Regex Separator { get; }

    [GeneratedRegex(@"[\t\n\x0b\x0c\r ]+", RegexOptions.None, matchTimeoutMilliseconds: 2000)]
    private static partial Regex Spaces { get; }
}
