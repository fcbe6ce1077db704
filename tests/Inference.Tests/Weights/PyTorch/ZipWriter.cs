using System.Text;

namespace LlmService.Inference.Tests.Weights.PyTorch;

/// <summary>Writes archives as PyTorch's writer does: stored, each entry's bytes at a multiple of 64, a ZIP64 directory. Everything can be written wrongly.</summary>
internal sealed class ZipWriter
{
    private readonly List<byte> _file = [];
    private readonly List<byte> _directory = [];
    private int _count;

    /// <summary>What the entries say of themselves.</summary>
    public ushort Flags { get; init; } = 0x0808;

    public ushort Method { get; init; }

    public void Add(string name, byte[] data)
    {
        byte[] text = Encoding.UTF8.GetBytes(name);
        int header = _file.Count;
        int padding = (64 - (header + 30 + text.Length + 4) % 64) % 64;
        Words(_file, 0x0403_4b50);
        Shorts(_file, 20, Flags, Method, 0, 0);
        Words(_file, 0, (uint)data.Length, (uint)data.Length);
        Shorts(_file, (ushort)text.Length, (ushort)(padding + 4));
        _file.AddRange(text);
        Shorts(_file, 0x4246, (ushort)padding);
        _file.AddRange(new byte[padding]);
        _file.AddRange(data);
        Describe(name, header, data.Length, data.Length);
    }

    /// <summary>An entry of the directory alone.</summary>
    public void Describe(string name, long header, long size, long stored)
    {
        byte[] text = Encoding.UTF8.GetBytes(name);
        bool large = size >= uint.MaxValue || header >= uint.MaxValue;
        Words(_directory, 0x0201_4b50);
        Shorts(_directory, 20, 20, Flags, Method, 0, 0);
        Words(_directory, 0, large ? uint.MaxValue : (uint)stored, large ? uint.MaxValue : (uint)size);
        Shorts(_directory, (ushort)text.Length, (ushort)(large ? 28 : 0), 0, 0, 0);
        Words(_directory, 0, large ? uint.MaxValue : (uint)header);
        _directory.AddRange(text);
        if (large)
        {
            Shorts(_directory, 1, 24);
            Longs(_directory, size, stored, header);
        }
        _count++;
    }

    /// <summary>The whole archive.</summary>
    /// <param name="zip64">Whether sizes and places of the directory stand in ZIP64 records alone.</param>
    /// <param name="count">The number of entries to announce; null for the true one.</param>
    public byte[] Finish(bool zip64 = true, long? count = null)
    {
        long entries = count ?? _count, start = _file.Count, record = start + _directory.Count;
        List<byte> end = [];
        if (zip64)
        {
            Words(end, 0x0606_4b50);
            Longs(end, 44);
            Shorts(end, 45, 45);
            Longs(end, 0, entries, entries, _directory.Count, start);
            Words(end, 0x0706_4b50, 0);
            Longs(end, record);
            Words(end, 1);
        }
        Words(end, 0x0605_4b50);
        Shorts(end, 0, 0, zip64 ? ushort.MaxValue : (ushort)entries, zip64 ? ushort.MaxValue : (ushort)entries);
        Words(end, zip64 ? uint.MaxValue : (uint)_directory.Count, zip64 ? uint.MaxValue : (uint)start);
        Shorts(end, 0);
        return [.. _file, .. _directory, .. end];
    }

    private static void Shorts(List<byte> bytes, params ReadOnlySpan<ushort> values)
    {
        foreach (ushort value in values)
            bytes.AddRange(BitConverter.GetBytes(value));
    }

    private static void Words(List<byte> bytes, params ReadOnlySpan<uint> values)
    {
        foreach (uint value in values)
            bytes.AddRange(BitConverter.GetBytes(value));
    }

    private static void Longs(List<byte> bytes, params ReadOnlySpan<long> values)
    {
        foreach (long value in values)
            bytes.AddRange(BitConverter.GetBytes(value));
    }
}
