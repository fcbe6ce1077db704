using System.Text;

namespace LlmService.Tokenizers;

/// <summary>The byte-level alphabet: a printable character for every byte, and token spellings of single bytes.</summary>
internal static class ByteAlphabet
{
    private static readonly char[] CharOf = Build();
    private static readonly short[] ByteOf = Invert();

    public static char ToChar(byte value) => CharOf[value];

    /// <summary>The byte of a character of the alphabet, or -1.</summary>
    public static int ToByte(char c) => c < ByteOf.Length ? ByteOf[c] : -1;

    /// <summary>Spells the UTF-8 bytes of a text, three characters for a UTF-16 unit at most; returns how many there are.</summary>
    public static int Spell(ReadOnlySpan<char> text, Span<char> output)
    {
        int written = 0;
        Span<byte> bytes = stackalloc byte[4];
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] < 0x80)
            {
                output[written++] = CharOf[text[i]];
                continue;
            }

            Rune.DecodeFromUtf16(text[i..], out Rune rune, out int units);
            int count = rune.EncodeToUtf8(bytes);
            foreach (byte b in bytes[..count]) output[written++] = CharOf[b];
            i += units - 1;
        }

        return written;
    }

    /// <summary>Rewrites a range of a text as the spelling of its UTF-8 bytes.</summary>
    public static void Spell(AlignedText text, int start, int end)
    {
        ReadOnlySpan<char> span = text.Span;
        Span<char> spelled = stackalloc char[8];
        for (int i = start; i < end;)
        {
            int units = char.IsHighSurrogate(span[i]) ? 2 : 1;
            (int from, int to) = (text.StartOf(i), text.EndOf(i));
            if (span[i] < 0x80) text.Write(CharOf[span[i]], from, to);
            else text.Write(spelled[..Spell(span.Slice(i, units), spelled)], from, to);
            i += units;
        }
    }

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
