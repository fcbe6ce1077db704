using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers;

/// <summary>A text that changes on its way to the model; each UTF-16 unit knows which range of the original text it stands for.</summary>
internal sealed class AlignedText
{
    private char[] _chars;
    private int[] _starts;
    private int[] _ends;

    public AlignedText(int capacity, int origin)
    {
        _chars = new char[capacity];
        _starts = new int[capacity];
        _ends = new int[capacity];
        Origin = origin;
    }

    /// <summary>Takes a range of the original text as it is.</summary>
    public AlignedText(ReadOnlySpan<char> original, int start, int end)
        : this(end - start, start)
    {
        for (int i = start; i < end;)
        {
            int next = i + CodePoints.Utf16Length(CodePoints.At(original, i));
            for (int unit = i; unit < next; unit++) Append(original[unit], i, next);
            i = next;
        }
    }

    /// <summary>Where the text starts in the original.</summary>
    public int Origin { get; }

    public int Length { get; private set; }

    public ReadOnlySpan<char> Span => _chars.AsSpan(0, Length);

    public int StartOf(int index) => _starts[index];

    public int EndOf(int index) => _ends[index];

    /// <summary>The part of the original text that a range of this text stands for.</summary>
    public TextRange Original(int start, int end) => new(_starts[start], _ends[end - 1]);

    public void Append(char c, int start, int end)
    {
        if (Length == _chars.Length) Grow(Length + 1);
        _chars[Length] = c;
        _starts[Length] = start;
        _ends[Length++] = end;
    }

    public void Append(int codePoint, int start, int end)
    {
        if (codePoint < 0x10000)
        {
            Append((char)codePoint, start, end);
            return;
        }

        Append((char)(0xD800 + ((codePoint - 0x10000) >> 10)), start, end);
        Append((char)(0xDC00 + (codePoint & 0x3FF)), start, end);
    }

    public void Append(ReadOnlySpan<char> text, int start, int end)
    {
        foreach (char c in text) Append(c, start, end);
    }

    public void Append(AlignedText source, int start, int end)
    {
        int count = end - start;
        if (Length + count > _chars.Length) Grow(Length + count);
        Array.Copy(source._chars, start, _chars, Length, count);
        Array.Copy(source._starts, start, _starts, Length, count);
        Array.Copy(source._ends, start, _ends, Length, count);
        Length += count;
    }

    private void Grow(int needed)
    {
        int capacity = Math.Max(needed, Math.Max(16, _chars.Length * 2));
        Array.Resize(ref _chars, capacity);
        Array.Resize(ref _starts, capacity);
        Array.Resize(ref _ends, capacity);
    }
}
