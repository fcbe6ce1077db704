using System.Buffers.Binary;
using LlmService.Hub;

namespace LlmService.App.Check;

/// <summary>Brings the headers of a repository's safetensors files, so that they can be looked at before the weights move.</summary>
internal static class WeightHeaders
{
    private const int FirstBytes = 64 * 1024;
    private const int MaxHeaderBytes = 8 * 1024 * 1024;
    private const int MaxFiles = 64;

    /// <summary>Puts files into a folder that have the headers, and the lengths, of the real ones. Their tensors are holes that take no space.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="files">Its weight files.</param>
    /// <param name="folder">Where to put them.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>False when there are too many files, a header is too long for a check, or the disk knows no holes.</returns>
    /// <exception cref="HubException">As a download would throw it.</exception>
    public static async Task<bool> TryBringAsync(ModelRepository repository, IReadOnlyList<string> files, string folder, CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows() || files.Count > MaxFiles)
            return false;
        Dictionary<string, long> sizes = repository.Files.ToDictionary(file => file.Path, file => file.SizeBytes, StringComparer.Ordinal);
        foreach (string path in files)
        {
            byte[] start = await repository.ReadStartAsync(path, FirstBytes, cancellationToken);
            ulong header = start.Length < sizeof(ulong) ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(start);
            // A length that cannot be is for the reader of the file to refuse.
            bool isPlausible = header <= (ulong)Math.Max(0, sizes[path] - sizeof(ulong));
            if (isPlausible && header > MaxHeaderBytes)
                return false;
            if (isPlausible && (int)header + sizeof(ulong) > start.Length)
                start = await repository.ReadStartAsync(path, (int)header + sizeof(ulong), cancellationToken);
            await using FileStream file = new(Path.Combine(folder, path), FileMode.CreateNew, FileAccess.Write, FileShare.None);
            await file.WriteAsync(start, cancellationToken);
            file.SetLength(sizes[path]);
        }
        return true;
    }
}
