namespace LlmService.Tokenizers.Jinja.Builtins;

/// <summary>Cuts texts as Python does.</summary>
internal static class TextSplitting
{
    public static ListValue Split(StringValue text, Arguments arguments, bool fromRight, Rendering rendering)
    {
        Value?[] bound = arguments.Bind(fromRight ? "rsplit" : "split", "sep?", "maxsplit?");
        int most = bound[1] is null ? -1 : Globals.Int32(bound[1]!);
        if (most < 0) most = int.MaxValue;
        List<StringValue> parts = bound[0] is null or NoneValue
            ? (fromRight ? WordsFromRight(text, most) : Words(text, most))
            : SplitAt(text, StringMethods.Text(bound[0]!).Text, most, fromRight);
        rendering.Steps(parts.Count);
        rendering.ChargeText(text.Text.Length);
        return new ListValue(parts);
    }

    /// <summary>The lines, with or without what ends them.</summary>
    public static List<StringValue> Lines(StringValue text, bool keepEnds, Rendering rendering)
    {
        List<StringValue> lines = [];
        string value = text.Text;
        for (int start = 0; start < value.Length;)
        {
            int end = start;
            while (end < value.Length && !PythonText.IsLineEnd(value[end])) end++;
            int next = end == value.Length ? end : value[end] == '\r' && end + 1 < value.Length && value[end + 1] == '\n' ? end + 2 : end + 1;
            lines.Add(text.Units(start, (keepEnds ? next : end) - start));
            start = next;
        }

        rendering.Steps(lines.Count);
        rendering.ChargeText(value.Length);
        return lines;
    }

    public static TupleValue Partition(StringValue text, StringValue separator, bool fromRight, Rendering rendering)
    {
        if (separator.Text.Length == 0) throw JinjaError.Value("empty separator");
        rendering.ChargeText(text.Text.Length);
        int at = fromRight ? text.Text.LastIndexOf(separator.Text, StringComparison.Ordinal) : text.Text.IndexOf(separator.Text, StringComparison.Ordinal);
        StringValue nothing = text.Units(0, 0);
        if (at < 0) return fromRight ? new TupleValue([nothing, nothing, text]) : new TupleValue([text, nothing, nothing]);
        int after = at + separator.Text.Length;
        return new TupleValue([text.Units(0, at), text.Units(at, separator.Text.Length), text.Units(after, text.Text.Length - after)]);
    }

    private static List<StringValue> SplitAt(StringValue text, string separator, int most, bool fromRight)
    {
        if (separator.Length == 0) throw JinjaError.Value("empty separator");
        List<StringValue> parts = [];
        string value = text.Text;
        if (fromRight)
        {
            int end = value.Length;
            while (parts.Count < most && end >= separator.Length && value.AsSpan(0, end).LastIndexOf(separator) is int at and >= 0)
            {
                parts.Add(text.Units(at + separator.Length, end - at - separator.Length));
                end = at;
            }

            parts.Add(text.Units(0, end));
            parts.Reverse();
            return parts;
        }

        int start = 0;
        while (parts.Count < most && value.IndexOf(separator, start, StringComparison.Ordinal) is int at and >= 0)
        {
            parts.Add(text.Units(start, at - start));
            start = at + separator.Length;
        }

        parts.Add(text.Units(start, value.Length - start));
        return parts;
    }

    private static List<StringValue> Words(StringValue text, int most)
    {
        List<StringValue> words = [];
        string value = text.Text;
        for (int i = 0; ;)
        {
            while (i < value.Length && PythonText.IsSpace(value[i])) i++;
            if (i == value.Length) return words;
            int start = i;
            if (words.Count == most)
            {
                words.Add(text.Units(start, value.Length - start));
                return words;
            }

            while (i < value.Length && !PythonText.IsSpace(value[i])) i++;
            words.Add(text.Units(start, i - start));
        }
    }

    private static List<StringValue> WordsFromRight(StringValue text, int most)
    {
        List<StringValue> words = [];
        string value = text.Text;
        for (int i = value.Length; ;)
        {
            while (i > 0 && PythonText.IsSpace(value[i - 1])) i--;
            if (i == 0) break;
            int end = i;
            if (words.Count == most)
            {
                words.Add(text.Units(0, end));
                break;
            }

            while (i > 0 && !PythonText.IsSpace(value[i - 1])) i--;
            words.Add(text.Units(i, end - i));
        }

        words.Reverse();
        return words;
    }
}
