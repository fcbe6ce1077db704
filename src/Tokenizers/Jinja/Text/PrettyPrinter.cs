using LlmService.Tokenizers.Jinja.Builtins;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Prints values as Python's <c>pprint</c> does: in 80 columns, dicts by key.</summary>
internal sealed class PrettyPrinter(Rendering rendering)
{
    private const int Width = 80;
    private readonly TextBuffer _buffer = new(rendering);

    public StringValue Print(Value value)
    {
        Write(Sorted(value), 0, 0, 1);
        return _buffer.Build();
    }

    private void Write(Value value, int indent, int allowance, int level)
    {
        rendering.Step();
        StringValue repr = ReprWriter.Repr(value, rendering);
        bool fits = repr.Count <= Width - indent - allowance;
        switch (value)
        {
            case DictValue { Count: > 0 } dict when !fits:
                WriteDict(dict, indent + 1, allowance + 1, level);
                break;
            case ListValue { Count: > 0 } list when !fits:
                WriteItems("[", list.Items, "]", indent + 1, allowance + 1, level);
                break;
            case TupleValue { Count: > 0 } tuple when !fits:
                string end = tuple.Count == 1 ? ",)" : ")";
                WriteItems("(", tuple.Items, end, indent + 1, allowance + end.Length, level);
                break;
            case StringValue { IsMarkup: false } text when !fits && text.Text.Length > 0:
                WriteText(text, indent, allowance, level);
                break;
            default:
                _buffer.Append(repr);
                break;
        }
    }

    private void WriteDict(DictValue dict, int indent, int allowance, int level)
    {
        _buffer.Append('{');
        for (int i = 0; i < dict.Count; i++)
        {
            if (i > 0) NewLine(",", indent);
            StringValue key = ReprWriter.Repr(dict.Entries[i].Key, rendering);
            _buffer.Append(key);
            _buffer.Append(": ");
            Write(dict.Entries[i].Value, indent + key.Count + 2, i == dict.Count - 1 ? allowance : 1, level + 1);
        }

        _buffer.Append('}');
    }

    private void WriteItems(string open, IReadOnlyList<Value> items, string close, int indent, int allowance, int level)
    {
        _buffer.Append(open);
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0) NewLine(",", indent);
            Write(items[i], indent, i == items.Count - 1 ? allowance : 1, level + 1);
        }

        _buffer.Append(close);
    }

    /// <summary>A long text becomes several literals, cut at lines and words.</summary>
    private void WriteText(StringValue text, int indent, int allowance, int level)
    {
        if (level == 1) (indent, allowance) = (indent + 1, allowance + 1);
        List<StringValue> lines = TextSplitting.Lines(text, keepEnds: true, rendering);
        List<StringValue> chunks = [];
        for (int i = 0; i < lines.Count; i++) AddLine(lines[i], Width - indent, i == lines.Count - 1 ? allowance : 0, chunks);
        if (level == 1 && chunks.Count > 1) _buffer.Append('(');
        for (int i = 0; i < chunks.Count; i++)
        {
            if (i > 0) NewLine("", indent);
            _buffer.Append(chunks[i]);
        }

        if (level == 1 && chunks.Count > 1) _buffer.Append(')');
    }

    private void AddLine(StringValue line, int width, int allowance, List<StringValue> chunks)
    {
        StringValue whole = ReprWriter.Repr(line, rendering);
        if (whole.Count <= width - allowance)
        {
            chunks.Add(whole);
            return;
        }

        int start = 0, end = 0;
        while (end < line.Text.Length)
        {
            int next = end;
            while (next < line.Text.Length && !PythonText.IsSpace(line.Text[next])) next++;
            while (next < line.Text.Length && PythonText.IsSpace(line.Text[next])) next++;
            int room = next == line.Text.Length ? width - allowance : width;
            if (end > start && ReprWriter.Repr(line.Units(start, next - start), rendering).Count > room)
            {
                chunks.Add(ReprWriter.Repr(line.Units(start, end - start), rendering));
                start = end;
            }

            end = next;
        }

        chunks.Add(ReprWriter.Repr(line.Units(start, end - start), rendering));
    }

    private void NewLine(string before, int indent)
    {
        _buffer.Append(before);
        _buffer.Append('\n');
        _buffer.Append(new string(' ', indent));
    }

    private Value Sorted(Value value)
    {
        rendering.Step();
        Rendering.CheckStack();
        switch (value)
        {
            case DictValue dict:
                DictValue sorted = new();
                List<KeyValuePair<Value, Value>> entries = AreComparable(dict.Keys)
                    ? Sorting.Sort(dict.Entries, e => e.Key, reverse: false, rendering)
                    : Sorting.Sort(dict.Entries, e => new StringValue(e.Key.TypeName), reverse: false, rendering);
                foreach ((Value key, Value item) in entries) sorted.Set(key, Sorted(item));
                return sorted;
            case SequenceValue sequence:
                return sequence.With([.. sequence.Items.Select(Sorted)]);
            default:
                return value;
        }
    }

    private static bool AreComparable(IEnumerable<Value> keys) => keys.All(k => k is StringValue) || keys.All(k => k is NumberValue);
}
