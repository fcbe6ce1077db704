using System.Buffers.Binary;
using System.Text;

namespace LlmService.Inference.Weights.PyTorch;

/// <summary>
/// The entries of a ZIP archive in which nothing is compressed, so that they can be used where they lie (APPNOTE 6.3, with ZIP64). Names are only compared,
/// never used as paths.
/// </summary>
internal static class StoredZip
{
    private const uint LocalSignature = 0x0403_4b50, CentralSignature = 0x0201_4b50, EndSignature = 0x0605_4b50, End64Signature = 0x0606_4b50, Locator64Signature = 0x0706_4b50;
    private const int LocalBytes = 30, CentralBytes = 46, EndBytes = 22, End64Bytes = 56, Locator64Bytes = 20;
    private const int MaxEntries = 100_000, MaxNameBytes = 512, MaxDirectoryBytes = 64 << 20;
    private const ushort Zip64Field = 1;

    /// <summary>Where every entry lies; all bounds are checked.</summary>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public static Dictionary<string, (long Offset, long Length)> Read(MappedFile file)
    {
        (long start, long length, long count) = FindDirectory(file);
        if (start < 0 || length < 0 || length > MaxDirectoryBytes || start > file.Length - length)
            throw Corrupt(file, $"has a directory of {length} bytes at {start}; the file is cut off or damaged");
        if (count is < 0 or > MaxEntries)
            throw Corrupt(file, $"lists {count} entries; at most {MaxEntries} were expected");
        Dictionary<string, (long Offset, long Length)> entries = new(StringComparer.Ordinal);
        List<(long Start, long End)> places = [];
        ReadOnlySpan<byte> directory = file.Span(start, (int)length);
        for (long i = 0; i < count; i++)
        {
            (string name, long headerStart, long offset, long size) = ReadEntry(file, ref directory, start);
            if (!entries.TryAdd(name, (offset, size)))
                throw Corrupt(file, $"has the entry '{name}' twice");
            places.Add((headerStart, offset + size));
        }
        CheckOverlaps(file, places);
        return entries;
    }

    private static (long Start, long Length, long Count) FindDirectory(MappedFile file)
    {
        // The last record may be followed by a comment of up to 64 KiB.
        int window = (int)Math.Min(file.Length, EndBytes + ushort.MaxValue);
        ReadOnlySpan<byte> tail = file.Span(file.Length - window, window);
        for (int at = window - EndBytes; at >= 0; at--)
        {
            ReadOnlySpan<byte> end = tail[at..];
            if (Word(end, 0) != EndSignature || EndBytes + Short(end, 20) != end.Length)
                continue;
            long place = file.Length - window + at;
            return FindDirectory64(file, place) ?? (Word(end, 16), Word(end, 12), Short(end, 10));
        }
        throw Corrupt(file, "has no directory at its end; it is cut off");
    }

    private static (long Start, long Length, long Count)? FindDirectory64(MappedFile file, long end)
    {
        if (end < Locator64Bytes || file.Span(end - Locator64Bytes, Locator64Bytes) is var locator && Word(locator, 0) != Locator64Signature)
            return null;
        long place = Long(locator, 8);
        if (place < 0 || place > end - Locator64Bytes - End64Bytes || file.Span(place, End64Bytes) is var record && Word(record, 0) != End64Signature)
            throw Corrupt(file, "has a damaged ZIP64 directory");
        return (Long(record, 48), Long(record, 40), Long(record, 32));
    }

    private static (string Name, long HeaderStart, long Offset, long Size) ReadEntry(MappedFile file, ref ReadOnlySpan<byte> directory, long directoryStart)
    {
        if (directory.Length < CentralBytes || Word(directory, 0) != CentralSignature)
            throw Corrupt(file, "has a damaged directory");
        int nameBytes = Short(directory, 28), extraBytes = Short(directory, 30), all = CentralBytes + nameBytes + extraBytes + Short(directory, 32);
        if (all > directory.Length || nameBytes is 0 or > MaxNameBytes)
            throw Corrupt(file, "has a damaged directory");
        ReadOnlySpan<byte> nameText = directory.Slice(CentralBytes, nameBytes);
        string name = Name(file, nameText);
        if ((Short(directory, 8) & 1) != 0)
            throw Corrupt(file, $"has the encrypted entry '{name}'");
        if (Short(directory, 10) != 0)
            throw Corrupt(file, $"has the compressed entry '{name}'; torch.save compresses nothing");
        ReadOnlySpan<byte> extra = Zip64Extra(directory.Slice(CentralBytes + nameBytes, extraBytes));
        long size = Large(file, Word(directory, 24), ref extra), stored = Large(file, Word(directory, 20), ref extra), header = Large(file, Word(directory, 42), ref extra);
        directory = directory[all..];
        if (size != stored)
            throw Corrupt(file, $"gives the entry '{name}' two sizes");
        return (name, header, DataStart(file, name, nameText, header, size, directoryStart), size);
    }

    /// <summary>Where an entry's bytes begin: behind its own header, whose length the directory does not tell.</summary>
    private static long DataStart(MappedFile file, string name, ReadOnlySpan<byte> nameText, long header, long size, long limit)
    {
        if (header < 0 || header > limit - LocalBytes)
            throw Corrupt(file, $"places the entry '{name}' outside of the archive");
        ReadOnlySpan<byte> local = file.Span(header, LocalBytes);
        long start = header + LocalBytes + Short(local, 26) + Short(local, 28);
        if (Word(local, 0) != LocalSignature || Short(local, 8) != 0 || Short(local, 26) != nameText.Length || start > limit
            || !file.Span(header + LocalBytes, nameText.Length).SequenceEqual(nameText))
        {
            throw Corrupt(file, $"describes the entry '{name}' otherwise where it begins");
        }
        return size >= 0 && size <= limit - start ? start : throw Corrupt(file, $"places the entry '{name}' outside of the archive");
    }

    private static void CheckOverlaps(MappedFile file, List<(long Start, long End)> places)
    {
        long end = 0;
        foreach ((long start, long next) in places.Order())
        {
            if (start < end)
                throw Corrupt(file, "has entries that overlap");
            end = next;
        }
    }

    private static string Name(MappedFile file, ReadOnlySpan<byte> bytes)
    {
        string name = Encoding.UTF8.GetString(bytes);
        bool isPlain = name[0] != '/' && name.Split('/').All(part => part is not ("." or "..")) && !name.Any(c => char.IsControl(c) || c is '\\' or '\ufffd');
        return isPlain ? name : throw Corrupt(file, "has an entry whose name is no plain path");
    }

    private static ReadOnlySpan<byte> Zip64Extra(ReadOnlySpan<byte> extra)
    {
        while (extra.Length >= 4)
        {
            int length = Math.Min(Short(extra, 2), extra.Length - 4);
            if (Short(extra, 0) == Zip64Field)
                return extra.Slice(4, length);
            extra = extra[(4 + length)..];
        }
        return [];
    }

    // Values that do not fit into 32 bits stand in the extra field, in the order in which they are asked for.
    private static long Large(MappedFile file, uint value, ref ReadOnlySpan<byte> extra)
    {
        if (value != uint.MaxValue)
            return value;
        if (extra.Length < sizeof(long))
            throw Corrupt(file, "has a damaged directory");
        long large = Long(extra, 0);
        extra = extra[sizeof(long)..];
        return large;
    }

    private static ushort Short(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static long Long(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);

    private static InferenceException Corrupt(MappedFile file, string what) => new(InferenceFailure.CorruptModel, $"'{file.Path}': the archive {what}.") { File = file.Path };
}
