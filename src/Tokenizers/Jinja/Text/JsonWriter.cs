using System.Globalization;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Writes JSON as Python's <c>json.dumps</c> does; what was data in texts stays data.</summary>
/// <param name="indent">What each level is indented by; null: all on one line.</param>
internal sealed class JsonWriter(Rendering rendering, bool ensureAscii, string? indent, string itemSeparator, string keySeparator, bool sortKeys)
{
    private readonly TextBuffer _buffer = new(rendering);
    private int _depth;

    public StringValue Write(Value value)
    {
        WriteValue(value);
        return _buffer.Build();
    }

    private void WriteValue(Value value)
    {
        rendering.Step();
        Rendering.CheckStack();
        switch (value)
        {
            case StringValue text:
                WriteString(text);
                break;
            case NoneValue:
                _buffer.Append("null");
                break;
            case BoolValue boolean:
                _buffer.Append(boolean.IsTrue ? "true" : "false");
                break;
            case FloatValue number:
                _buffer.Append(Number(number.Number));
                break;
            case IntValue number:
                _buffer.Append(number.ToText(rendering).Text);
                break;
            case SequenceValue sequence:
                WriteList(sequence.Items);
                break;
            case DictValue dict:
                WriteDict(dict);
                break;
            default:
                throw JinjaError.Type($"Object of type {value.TypeName} is not JSON serializable");
        }
    }

    private void WriteList(IReadOnlyList<Value> items)
    {
        _buffer.Append('[');
        _depth++;
        for (int i = 0; i < items.Count; i++)
        {
            Separate(i > 0);
            WriteValue(items[i]);
        }

        _depth--;
        if (items.Count > 0) NewLine();
        _buffer.Append(']');
    }

    private void WriteDict(DictValue dict)
    {
        IEnumerable<KeyValuePair<Value, Value>> entries = dict.Entries;
        if (sortKeys) entries = Sorting.Sort(entries, e => e.Key, reverse: false, rendering);
        _buffer.Append('{');
        _depth++;
        bool isFirst = true;
        foreach ((Value key, Value value) in entries)
        {
            Separate(!isFirst);
            isFirst = false;
            WriteString(Key(key));
            _buffer.Append(keySeparator);
            WriteValue(value);
        }

        _depth--;
        if (!isFirst) NewLine();
        _buffer.Append('}');
    }

    private void Separate(bool hasBefore)
    {
        if (hasBefore) _buffer.Append(itemSeparator);
        NewLine();
    }

    private void NewLine()
    {
        if (indent is null) return;
        _buffer.Append('\n');
        for (int i = 0; i < _depth; i++) _buffer.Append(indent);
    }

    private StringValue Key(Value key) => key switch
    {
        StringValue text => text,
        BoolValue boolean => new StringValue(boolean.IsTrue ? "true" : "false"),
        NoneValue => new StringValue("null"),
        FloatValue number => new StringValue(Number(number.Number)),
        IntValue number => number.ToText(rendering),
        _ => throw JinjaError.Type($"keys must be str, int, float, bool or None, not {key.TypeName}"),
    };

    private static string Number(double value) =>
        double.IsNaN(value) ? "NaN" : double.IsInfinity(value) ? (value > 0 ? "Infinity" : "-Infinity") : FloatText.Repr(value);

    private void WriteString(StringValue value)
    {
        string text = value.Text;
        _buffer.Append('"');
        int done = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (Escape(text[i]) is not { } escape) continue;
            _buffer.Append(value, done, i - done);
            _buffer.Append(escape, value.IsDataAt(i));
            done = i + 1;
        }

        _buffer.Append(value, done, text.Length - done);
        _buffer.Append('"');
    }

    private string? Escape(char c) => c switch
    {
        '"' => "\\\"",
        '\\' => @"\\",
        '\n' => @"\n",
        '\r' => @"\r",
        '\t' => @"\t",
        '\f' => @"\f",
        '\b' => @"\b",
        < ' ' => Unit(c),
        > '~' when ensureAscii => Unit(c),
        _ => null,
    };

    private static string Unit(char c) => $@"\u{((int)c).ToString("x4", CultureInfo.InvariantCulture)}";
}
