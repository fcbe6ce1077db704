using System.Buffers.Binary;
using System.Text;

namespace LlmService.Hub.Bundles;

/// <summary>The header of one file in a tar archive (POSIX ustar). Bundles need plain files with short names and nothing else,
/// so that is all that this reads: no links, folders, sparse files or extended headers, which hostile archives are made of.</summary>
/// <param name="Name">The path in the archive.</param>
/// <param name="Size">Size of the content in bytes.</param>
internal readonly record struct TarHeader(string Name, long Size)
{
    public const int BlockSize = 512;

    private const int NameLength = 100;
    private const int SizeOffset = 124;
    private const int SizeLength = 12;
    private const int ChecksumOffset = 148;
    private const int ChecksumLength = 8;
    private const int TypeOffset = 156;
    private const int LinkNameOffset = 157;
    private const int MagicOffset = 257;
    private const int PrefixOffset = 345;
    private const int PrefixLength = 155;
    private const long MaxOctalSize = (1L << 33) - 1;

    /// <summary>Bytes that fill the last block of a content.</summary>
    public int Padding => (int)((BlockSize - (Size % BlockSize)) % BlockSize);

    /// <summary>The header's block: no date, no owner, so that the same content is the same archive.</summary>
    public byte[] ToBlock()
    {
        byte[] block = new byte[BlockSize];
        Encoding.ASCII.GetBytes(Name, block);
        Put(block, 100, "0000644");
        Put(block, 108, "0000000");
        Put(block, 116, "0000000");
        if (Size <= MaxOctalSize)
        {
            Put(block, SizeOffset, Octal(Size, SizeLength - 1));
        }
        else
        {
            // Larger sizes are binary, with the first bit set.
            block[SizeOffset] = 0x80;
            BinaryPrimitives.WriteInt64BigEndian(block.AsSpan(SizeOffset + SizeLength - sizeof(long)), Size);
        }
        Put(block, 136, "00000000000");
        block[TypeOffset] = (byte)'0';
        Put(block, MagicOffset, "ustar\000");
        Put(block, ChecksumOffset, Octal(Checksum(block), 6));
        block[ChecksumOffset + ChecksumLength - 1] = (byte)' ';
        return block;
    }

    /// <summary>Reads a header.</summary>
    /// <exception cref="FormatException">It is broken, or of something else than a plain file; the message says what.</exception>
    public static TarHeader Parse(ReadOnlySpan<byte> block)
    {
        if (ReadOctal(block.Slice(ChecksumOffset, ChecksumLength)) != Checksum(block))
            throw new FormatException("it is damaged, cut off or no bundle: a header has a wrong checksum");
        if (!block[MagicOffset..].StartsWith("ustar"u8))
            throw new FormatException("a header is not of the ustar format");
        string name = Text(block[..NameLength]);
        char type = (char)block[TypeOffset];
        if (type is not ('0' or '\0') || block[LinkNameOffset] != 0)
            throw new FormatException($"'{name}' is {Describe(type)}");
        if (block.Slice(PrefixOffset, PrefixLength).ContainsAnyExcept((byte)0))
            throw new FormatException($"'{name}' has a longer path than bundles have");
        return new TarHeader(name, ReadSize(block.Slice(SizeOffset, SizeLength), name));
    }

    private static string Describe(char type) => type switch
    {
        '1' => "a hard link",
        '2' => "a symbolic link",
        '3' or '4' or '6' => "a device",
        '5' => "a folder",
        'x' or 'g' or 'L' or 'K' => "an extended header",
        _ => "no plain file",
    };

    private static long ReadSize(ReadOnlySpan<byte> field, string name)
    {
        long? size = field[0] == 0x80 && !field[1..4].ContainsAnyExcept((byte)0) ? BinaryPrimitives.ReadInt64BigEndian(field[4..]) : ReadOctal(field);
        return size is >= 0 ? size.Value : throw new FormatException($"'{name}' has no readable size");
    }

    // The field of the checksum itself counts as spaces.
    private static long Checksum(ReadOnlySpan<byte> block)
    {
        long sum = ChecksumLength * ' ';
        for (int i = 0; i < block.Length; i++)
            sum += i is >= ChecksumOffset and < ChecksumOffset + ChecksumLength ? 0 : block[i];
        return sum;
    }

    private static long? ReadOctal(ReadOnlySpan<byte> field)
    {
        string digits = Text(field).Trim(' ');
        if (digits.Length == 0 || !digits.All(c => c is >= '0' and <= '7'))
            return null;
        return digits.Aggregate(0L, (value, digit) => (value * 8) + (digit - '0'));
    }

    private static string Text(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        // Control characters would reach a terminal with the message.
        return string.Concat(Encoding.Latin1.GetString(end < 0 ? field : field[..end]).Select(c => c is < ' ' or > '~' ? '?' : c));
    }

    private static string Octal(long value, int digits) => Convert.ToString(value, 8).PadLeft(digits, '0');

    private static void Put(byte[] block, int offset, string text) => Encoding.ASCII.GetBytes(text, block.AsSpan(offset));
}
