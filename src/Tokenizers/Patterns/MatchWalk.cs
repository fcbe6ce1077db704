using System.Buffers;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Patterns;

/// <summary>All matches of a pattern, one after the other, without overlap. An empty match right after another match does not count.
/// It has to be walked to its end.</summary>
internal struct MatchWalk(TextPattern pattern)
{
    private int _from;
    private int _lastEnd = -1;
    private bool _hasStarted;
    private char[]? _standIns;
    private int[]? _places;
    private int _length;

    public bool Next(ReadOnlySpan<char> text, out int start, out int end)
    {
        if (!_hasStarted) Start(text);
        if (_standIns is not null && _places is not null)
        {
            bool found = Step(_standIns.AsSpan(0, _length), out start, out end);
            (start, end) = (_places[start], _places[end]);
            if (!found) Release();
            return found;
        }

        return Step(text, out start, out end);
    }

    private bool Step(ReadOnlySpan<char> text, out int start, out int end)
    {
        while (_from <= text.Length && pattern.Find(text, _from, out start, out end))
        {
            if (start == end && end == _lastEnd)
            {
                _from += _from < text.Length ? CodePoints.Utf16Length(CodePoints.At(text, _from)) : 1;
                continue;
            }

            _from = _lastEnd = end;
            return true;
        }

        start = end = 0;
        return false;
    }

    /// <summary>Makes a copy in which every character is one unit, when the pattern wants that and the text needs it.</summary>
    private void Start(ReadOnlySpan<char> text)
    {
        _hasStarted = true;
        if (!pattern.NeedsStandIns || !text.ContainsAnyInRange('\uD800', '\uDFFF')) return;
        _standIns = ArrayPool<char>.Shared.Rent(text.Length);
        _places = ArrayPool<int>.Shared.Rent(text.Length + 1);
        for (int i = 0; i < text.Length; _length++)
        {
            int codePoint = CodePoints.At(text, i);
            _standIns[_length] = codePoint < 0x10000 ? (char)codePoint : pattern.StandInOf(codePoint);
            _places[_length] = i;
            i += CodePoints.Utf16Length(codePoint);
        }

        _places[_length] = text.Length;
    }

    private void Release()
    {
        ArrayPool<char>.Shared.Return(_standIns!);
        ArrayPool<int>.Shared.Return(_places!);
        _standIns = null;
        _places = null;
        _from = int.MaxValue;
    }
}
