namespace LlmService.Tokenizers;

/// <summary>The byte-level alphabet: a printable character for every byte, and token spellings of single bytes.</summary>
internal static class ByteAlphabet
{
    private static readonly char[] CharOf = Build();
    private static readonly short[] ByteOf = Invert();

    public static char ToChar(byte value) => CharOf[value];

    /// <summary>The byte of a character of the alphabet, or -1.</summary>
    public static int ToByte(char c) => c < ByteOf.Length ? ByteOf[c] : -1;

    /// <summary>The byte that a token such as <c>&lt;0x0A&gt;</c> spells, or -1.</summary>
    public static int FallbackByte(ReadOnlySpan<char> token)
    {
        if (token.Length != 6 || !token.StartsWith("<0x") || token[5] != '>') return -1;
        // The reference reads the digits as Rust does, which lets a plus sign stand before them.
        if (token[3] == '+') return char.IsAsciiHexDigit(token[4]) ? Convert.ToInt32(token[4..5].ToString(), 16) : -1;
        return char.IsAsciiHexDigit(token[3]) && char.IsAsciiHexDigit(token[4]) ? Convert.ToInt32(token[3..5].ToString(), 16) : -1;
    }

    /// <summary>The token spelling of a byte.</summary>
    public static string FallbackToken(int value) => $"<0x{value:X2}>";

    private static char[] Build()
    {
        char[] chars = new char[256];
        char next = (char)256;
        for (int b = 0; b < 256; b++)
            chars[b] = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF) ? (char)b : next++;
        return chars;
    }

    private static short[] Invert()
    {
        short[] bytes = new short[CharOf.Max() + 1];
        Array.Fill(bytes, (short)-1);
        for (int b = 0; b < 256; b++) bytes[CharOf[b]] = (short)b;
        return bytes;
    }
}
