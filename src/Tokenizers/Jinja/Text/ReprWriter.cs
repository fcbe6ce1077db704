using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Writes values as Python's <c>repr</c> does.</summary>
internal sealed class ReprWriter(Rendering rendering)
{
    private readonly TextBuffer _buffer = new(rendering);

    public static StringValue Repr(Value value, Rendering rendering)
    {
        ReprWriter writer = new(rendering);
        writer.Write(value);
        return writer._buffer.Build();
    }

    public void Write(string text) => _buffer.Append(text);

    public void Write(Value value)
    {
        rendering.Step();
        Rendering.CheckStack();
        value.WriteRepr(this);
    }

    public void WriteItems(char open, IReadOnlyList<Value> items, char close)
    {
        _buffer.Append(open);
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0) Write(", ");
            Write(items[i]);
        }

        _buffer.Append(close);
    }

    public void WriteEntries(IReadOnlyList<KeyValuePair<Value, Value>> entries)
    {
        _buffer.Append('{');
        for (int i = 0; i < entries.Count; i++)
        {
            if (i > 0) Write(", ");
            Write(entries[i].Key);
            Write(": ");
            Write(entries[i].Value);
        }

        _buffer.Append('}');
    }

    /// <summary>A quoted text; what was data in it stays data.</summary>
    public void WriteString(StringValue value)
    {
        if (value.IsMarkup) Write("Markup(");
        char quote = value.Text.Contains('\'', StringComparison.Ordinal) && !value.Text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        _buffer.Append(quote);
        int done = 0;
        for (int i = 0; i < value.Text.Length;)
        {
            int codePoint = CodePoints.At(value.Text, i);
            int length = CodePoints.Utf16Length(codePoint);
            if (Escape(codePoint, quote) is { } escape)
            {
                _buffer.Append(value, done, i - done);
                _buffer.Append(escape, value.IsDataAt(i));
                done = i + length;
            }

            i += length;
        }

        _buffer.Append(value, done, value.Text.Length - done);
        _buffer.Append(quote);
        if (value.IsMarkup) Write(")");
    }

    private static string? Escape(int codePoint, char quote) => codePoint switch
    {
        '\\' => @"\\",
        '\n' => @"\n",
        '\r' => @"\r",
        '\t' => @"\t",
        _ when codePoint == quote => $"\\{quote}",
        >= 0x20 and < 0x7F => null,
        _ when PythonText.IsPrintable(codePoint) => null,
        < 0x100 => $@"\x{codePoint:x2}",
        < 0x10000 => $@"\u{codePoint:x4}",
        _ => $@"\U{codePoint:x8}",
    };
}
