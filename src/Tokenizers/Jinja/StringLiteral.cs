using System.Globalization;
using System.Text;

namespace LlmService.Tokenizers.Jinja;

/// <summary>The escapes of string literals.</summary>
internal static class StringLiteral
{
    public static string Unescape(ReadOnlySpan<char> source, int offset)
    {
        if (!source.Contains('\\')) return source.ToString();
        StringBuilder text = new(source.Length);
        for (int i = 0; i < source.Length;)
        {
            if (source[i] != '\\')
            {
                text.Append(source[i++]);
                continue;
            }

            i = Escape(source, i + 1, text, offset);
        }

        return text.ToString();
    }

    /// <summary>Reads what follows a backslash, and gives the place after it.</summary>
    private static int Escape(ReadOnlySpan<char> source, int at, StringBuilder text, int offset)
    {
        char c = source[at];
        switch (c)
        {
            case '\n':
                return at + 1;
            case 'x':
                return Hex(source, at + 1, 2, text, offset);
            case 'u':
                return Hex(source, at + 1, 4, text, offset);
            case 'U':
                return Hex(source, at + 1, 8, text, offset);
            case 'N':
                throw new JinjaError(TemplateFailure.Unsupported, @"names of characters (\N{…}) are not supported in strings") { Offset = offset };
            case >= '0' and <= '7':
                return Octal(source, at, text);
            // The reference turns other letters into escapes before it reads escapes, so the backslash escapes that one.
            case > '\x7F':
                return NotAscii(source, at, text);
        }

        if (Simple(c) is char simple) text.Append(simple);
        else text.Append('\\').Append(c);
        return at + 1;
    }

    private static char? Simple(char c) => c switch
    {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\b',
        'f' => '\f',
        'v' => '\v',
        'a' => '\a',
        '\\' or '\'' or '"' => c,
        _ => null,
    };

    private static int Hex(ReadOnlySpan<char> source, int at, int digits, StringBuilder text, int offset)
    {
        if (at + digits > source.Length || !int.TryParse(source.Slice(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code) || (uint)code > 0x10FFFF)
            throw new JinjaError(TemplateFailure.Syntax, "a string has a broken escape") { Offset = offset };
        if (code < 0x10000) text.Append((char)code);
        else text.Append(char.ConvertFromUtf32(code));
        return at + digits;
    }

    private static int Octal(ReadOnlySpan<char> source, int at, StringBuilder text)
    {
        int value = 0;
        int end = Math.Min(source.Length, at + 3);
        for (; at < end && source[at] is >= '0' and <= '7'; at++) value = value * 8 + source[at] - '0';
        text.Append((char)value);
        return at;
    }

    private static int NotAscii(ReadOnlySpan<char> source, int at, StringBuilder text)
    {
        bool isPair = char.IsHighSurrogate(source[at]) && at + 1 < source.Length && char.IsLowSurrogate(source[at + 1]);
        int code = isPair ? char.ConvertToUtf32(source[at], source[at + 1]) : source[at];
        text.Append(code < 0x100 ? $@"\x{code:x2}" : code < 0x10000 ? $@"\u{code:x4}" : $@"\U{code:x8}");
        return at + (isPair ? 2 : 1);
    }
}
