namespace LlmService.Tokenizers.Jinja;

/// <summary>Finds the ends of number literals.</summary>
internal static class NumberScanner
{
    /// <summary>The end of a float at a place, or -1: digits with a fraction, an exponent or both, and no point before.</summary>
    public static int Float(string source, int at)
    {
        if (at > 0 && source[at - 1] == '.') return -1;
        int whole = Digits(source, at, char.IsAsciiDigit);
        if (whole < 0) return -1;
        int fraction = At(source, whole) == '.' ? Digits(source, whole + 1, char.IsAsciiDigit) : -1;
        int mark = fraction < 0 ? whole : fraction;
        if (At(source, mark) is 'e' or 'E')
        {
            int exponent = Digits(source, At(source, mark + 1) is '+' or '-' ? mark + 2 : mark + 1, char.IsAsciiDigit);
            if (exponent >= 0) return exponent;
        }

        return fraction;
    }

    /// <summary>The end of an integer at a place where a digit stands.</summary>
    public static int Integer(string source, int at)
    {
        if (source[at] == '0')
        {
            int end = At(source, at + 1) switch
            {
                'b' or 'B' => Prefixed(source, at + 2, c => c is '0' or '1'),
                'o' or 'O' => Prefixed(source, at + 2, c => c is >= '0' and <= '7'),
                'x' or 'X' => Prefixed(source, at + 2, char.IsAsciiHexDigit),
                _ => -1,
            };
            return end >= 0 ? end : Rest(source, at + 1, c => c == '0');
        }

        return Rest(source, at + 1, char.IsAsciiDigit);
    }

    private static char At(string source, int at) => at < source.Length ? source[at] : '\0';

    private static int Prefixed(string source, int at, Func<char, bool> isDigit)
    {
        int end = Rest(source, at, isDigit);
        return end > at ? end : -1;
    }

    /// <summary>The end of more digits, each with at most one underscore before it.</summary>
    private static int Rest(string source, int at, Func<char, bool> isDigit)
    {
        while (isDigit(At(source, at)) || (At(source, at) == '_' && isDigit(At(source, at + 1)))) at += At(source, at) == '_' ? 2 : 1;
        return at;
    }

    private static int Digits(string source, int at, Func<char, bool> isDigit) => isDigit(At(source, at)) ? Rest(source, at + 1, isDigit) : -1;
}
