using System.Buffers;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers;

/// <summary>A text that changes on its way to the model; each UTF-16 unit knows which range of the original text it stands for.
/// It starts as a view of the original; the first change makes a copy. Buffers are borrowed and reused.</summary>
internal sealed class AlignedText
{
    private string _original = "";
    private bool _isOriginal = true;
    private Buffer _current;
    private Buffer _next;
    private int _written;

    /// <summary>Where the text starts in the original.</summary>
    public int Origin { get; private set; }

    public int Length { get; private set; }

    public ReadOnlySpan<char> Span => _isOriginal ? _original.AsSpan(Origin, Length) : _current.Chars.AsSpan(0, Length);

    /// <summary>Room for the changes that <see cref="ApplyChanges"/> makes.</summary>
    public PooledList<TextChange> Changes { get; } = new();

    /// <summary>Takes a range of the original text as it is.</summary>
    public void Reset(string original, int start, int end)
    {
        _original = original;
        _isOriginal = true;
        Origin = start;
        Length = end - start;
    }

    public int StartOf(int index)
    {
        if (!_isOriginal) return _current.Starts![index];
        index += Origin;
        return char.IsLowSurrogate(_original[index]) && index > 0 && char.IsHighSurrogate(_original[index - 1]) ? index - 1 : index;
    }

    public int EndOf(int index)
    {
        if (!_isOriginal) return _current.Ends![index];
        index += Origin;
        return char.IsHighSurrogate(_original[index]) && index + 1 < _original.Length && char.IsLowSurrogate(_original[index + 1]) ? index + 2 : index + 1;
    }

    /// <summary>The part of the original text that a range of this text stands for.</summary>
    public TextRange Original(int start, int end) => new(StartOf(start), EndOf(end - 1));

    /// <summary>Starts a new form of the text. The old one stays readable until <see cref="EndRewrite"/>.</summary>
    public void BeginRewrite(int capacity)
    {
        _written = 0;
        _next.Reserve(capacity, 0);
    }

    public int Written => _written;

    public void Write(char c, int start, int end)
    {
        if (_written == _next.Capacity) _next.Reserve(_written + 1, _written);
        _next.Chars![_written] = c;
        _next.Starts![_written] = start;
        _next.Ends![_written++] = end;
    }

    /// <summary>Writes a unit in place of the one at an index.</summary>
    public void Write(char c, int index) => Write(c, StartOf(index), EndOf(index));

    public void WriteCodePoint(int codePoint, int start, int end)
    {
        if (codePoint < 0x10000)
        {
            Write((char)codePoint, start, end);
            return;
        }

        Write((char)(0xD800 + ((codePoint - 0x10000) >> 10)), start, end);
        Write((char)(0xDC00 + (codePoint & 0x3FF)), start, end);
    }

    public void Write(ReadOnlySpan<char> text, int start, int end)
    {
        foreach (char c in text) Write(c, start, end);
    }

    /// <summary>Copies a range of the old form.</summary>
    public void Copy(int start, int end) => CopyFrom(this, start, end);

    /// <summary>Copies a range of another text.</summary>
    public void CopyFrom(AlignedText source, int start, int end)
    {
        int count = end - start;
        if (_written + count > _next.Capacity) _next.Reserve(_written + count, _written);
        source.Span[start..end].CopyTo(_next.Chars.AsSpan(_written));
        if (source._isOriginal)
        {
            for (int i = 0; i < count; i++)
            {
                _next.Starts![_written + i] = source.StartOf(start + i);
                _next.Ends![_written + i] = source.EndOf(start + i);
            }
        }
        else
        {
            source._current.Starts.AsSpan(start, count).CopyTo(_next.Starts.AsSpan(_written));
            source._current.Ends.AsSpan(start, count).CopyTo(_next.Ends.AsSpan(_written));
        }

        _written += count;
    }

    /// <summary>The new form takes the place of the old one.</summary>
    public void EndRewrite()
    {
        (_current, _next) = (_next, _current);
        Length = _written;
        _isOriginal = false;
    }

    /// <summary>Rewrites the text as <see cref="Changes"/> say, and keeps the alignment as the format's reference does.</summary>
    /// <param name="skipped">How many code points at the start are dropped.</param>
    public void ApplyChanges(int skipped = 0)
    {
        BeginRewrite(Length + 8);
        int cursor = Advance(0, skipped);
        foreach (TextChange change in Changes.Span)
        {
            if (change.Count > 0)
            {
                // An inserted code point shares the place of the one before it.
                if (cursor == 0) WriteCodePoint(change.CodePoint, Origin, Origin);
                else WriteCodePoint(change.CodePoint, StartOf(cursor - 1), EndOf(cursor - 1));
                continue;
            }

            int at = Math.Min(cursor, Length - 1);
            WriteCodePoint(change.CodePoint, StartOf(at), EndOf(at));
            cursor = Advance(cursor, 1 - change.Count);
        }

        EndRewrite();
        Changes.Clear();
    }

    /// <summary>Gives the buffers back.</summary>
    public void Release()
    {
        _current.Release();
        _next.Release();
        Changes.Release();
        _original = "";
        _isOriginal = true;
        Origin = Length = 0;
    }

    private int Advance(int cursor, int codePoints)
    {
        for (; codePoints > 0 && cursor < Length; codePoints--) cursor += CodePoints.Utf16Length(CodePoints.At(Span, cursor));
        return cursor;
    }

    private struct Buffer
    {
        public char[]? Chars;
        public int[]? Starts;
        public int[]? Ends;

        public readonly int Capacity => Chars is null || Starts is null || Ends is null ? 0 : Math.Min(Chars.Length, Math.Min(Starts.Length, Ends.Length));

        public void Reserve(int needed, int used)
        {
            if (needed <= Capacity) return;
            int capacity = Math.Max(needed, Math.Max(64, Capacity * 2));
            Grow(ref Chars, capacity, used);
            Grow(ref Starts, capacity, used);
            Grow(ref Ends, capacity, used);
        }

        public void Release()
        {
            if (Chars is null || Starts is null || Ends is null) return;
            ArrayPool<char>.Shared.Return(Chars);
            ArrayPool<int>.Shared.Return(Starts);
            ArrayPool<int>.Shared.Return(Ends);
            this = default;
        }

        private static void Grow<T>(ref T[]? array, int capacity, int used)
        {
            T[] larger = ArrayPool<T>.Shared.Rent(capacity);
            if (array is not null)
            {
                array.AsSpan(0, used).CopyTo(larger);
                ArrayPool<T>.Shared.Return(array);
            }

            array = larger;
        }
    }
}
