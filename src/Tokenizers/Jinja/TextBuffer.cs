using System.Runtime.InteropServices;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Builds a text and remembers which of its characters came from data.</summary>
internal sealed class TextBuffer(Rendering rendering)
{
    private readonly List<int> _bounds = [];
    private char[] _chars = new char[64];

    public int Length { get; private set; }

    /// <summary>Adds text of the template, or what was computed without data.</summary>
    public void Append(ReadOnlySpan<char> text)
    {
        int length = Length + text.Length;
        if (length > _chars.Length) Grow(length);
        text.CopyTo(_chars.AsSpan(Length));
        Length = length;
    }

    public void Append(char c)
    {
        if (Length == _chars.Length) Grow(Length + 1);
        _chars[Length++] = c;
    }

    public void Append(StringValue value) => Append(value, 0, value.Text.Length);

    public void Append(StringValue value, int start, int length)
    {
        int at = Length;
        Append(value.Text.AsSpan(start, length));
        if (value.Data is not null && length > 0) AppendSpans(value, start, length, at);
    }

    /// <summary>Adds a text of which all or nothing is data.</summary>
    public void Append(ReadOnlySpan<char> text, bool isData)
    {
        int at = Length;
        Append(text);
        if (isData && text.Length > 0) AddSpan(at, Length);
    }

    public StringValue Build(bool isMarkup = false)
    {
        rendering.ChargeText(Length);
        return Length == 0 ? (isMarkup ? StringValue.EmptyMarkup : StringValue.Empty)
            : new StringValue(new string(_chars, 0, Length), DataSpans.Of(CollectionsMarshal.AsSpan(_bounds), Length), isMarkup);
    }

    public void Clear()
    {
        Length = 0;
        _bounds.Clear();
    }

    private void AppendSpans(StringValue value, int start, int length, int at)
    {
        DataSpans? spans = DataSpans.Slice(value.Data, start, length);
        for (int i = 0; i < (spans?.Count ?? 0); i++)
        {
            TextRange range = spans![i, length];
            AddSpan(at + range.Start, at + range.End);
        }
    }

    private void AddSpan(int start, int end)
    {
        if (_bounds.Count > 0 && _bounds[^1] == start)
        {
            _bounds[^1] = end;
            return;
        }

        _bounds.Add(start);
        _bounds.Add(end);
    }

    private void Grow(int needed)
    {
        rendering.CheckLength(needed);
        rendering.ChargeText(needed);
        Array.Resize(ref _chars, Math.Max(needed, _chars.Length * 2));
    }
}
