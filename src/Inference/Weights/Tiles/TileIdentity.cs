using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace LlmService.Inference.Weights.Tiles;

/// <summary>What packed weights were made from and how: weights that differ in anything have another file.</summary>
/// <param name="Name">The name of the file in the cache: the model's name, the format and the beginning of the key.</param>
/// <param name="Key">32 bytes.</param>
internal sealed record TileIdentity(string Name, byte[] Key)
{
    // To be raised whenever a matrix would be packed into other bytes: by the layout of tiles, by how scales are chosen, by how stored tensors are read or put together.
    public const int Version = 3;

    private const int Samples = 32, SampleBytes = 4096, MaxNameLength = 64, KeyDigits = 16;
    private const string Snapshots = "snapshots";

    /// <summary>
    /// The identity of a model's weights. A snapshot of the Hub is known by its commit and by its blobs, whose names are their hashes; any other folder by its path. Of all
    /// files, size and time of change count too, because a blob that was damaged and fetched again keeps its name, and so do some of their pages, because a copy
    /// may keep the time. To hash all weights would take longer than to pack them.
    /// </summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file cannot be read.</exception>
    public static TileIdentity Of(string folder, IReadOnlyList<string> files, ComputeFormat format)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        DirectoryInfo snapshot = new(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        DirectoryInfo? repository = snapshot.Parent is { Name: Snapshots } parent ? parent.Parent : null;
        Append(hash, $"tiles {Version}", ComputeFormats.NameOf(format), repository is null ? snapshot.FullName : $"{repository.Name}@{snapshot.Name}");
        // It decides which tensors are read, and how.
        if (new FileInfo(Path.Combine(folder, "config.json")) is { Exists: true } configuration)
            AppendFile(hash, configuration);
        foreach (string file in files)
            AppendFile(hash, new FileInfo(Path.Combine(folder, file)));
        byte[] key = hash.GetHashAndReset();
        string model = string.Concat((repository ?? snapshot).Name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '_').Take(MaxNameLength));
        return new($"{model}-{ComputeFormats.NameOf(format)}-{Convert.ToHexStringLower(key)[..KeyDigits]}{TileCache.Ending}", key);
    }

    private static void AppendFile(IncrementalHash hash, FileInfo file)
    {
        // Snapshots hold links.
        FileInfo stored = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
        using SafeFileHandle handle = File.OpenHandle(stored.FullName);
        long length = RandomAccess.GetLength(handle);
        Append(hash, file.Name, stored.Name, length.ToString(CultureInfo.InvariantCulture), stored.LastWriteTimeUtc.Ticks.ToString(CultureInfo.InvariantCulture));
        Span<byte> page = stackalloc byte[SampleBytes];
        for (int i = 0; i < Samples; i++)
        {
            long offset = (long)((Int128)Math.Max(0, length - SampleBytes) * i / (Samples - 1));
            hash.AppendData(page[..RandomAccess.Read(handle, page, offset)]);
        }
    }

    // Each with its length, so that no two lists run into the same bytes.
    private static void Append(IncrementalHash hash, params ReadOnlySpan<string> texts)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (string text in texts)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }
    }
}
