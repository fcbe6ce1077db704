namespace LlmService.Tokenizers.Unicode;

/// <summary>Turns places in UTF-16 units into places in code points; cheap when they grow, as offsets do.</summary>
internal struct CodePointCounter(string text)
{
    private readonly bool _isPlain = !text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF');
    private int _units;
    private int _codePoints;

    public TextRange Count(TextRange range)
    {
        if (_isPlain) return range;
        int start = Count(range.Start);
        return new TextRange(start, Count(range.End));
    }

    private int Count(int units)
    {
        if (units < _units) _units = _codePoints = 0;
        for (; _units < units; _units++)
            if (!char.IsLowSurrogate(text[_units]) || _units == 0 || !char.IsHighSurrogate(text[_units - 1])) _codePoints++;
        return _codePoints;
    }
}
