using System.Buffers.Binary;
using LlmService.Hub;
using LlmService.Inference.Weights;
using LlmService.Inference.Weights.Gguf;

namespace LlmService.App.Check;

/// <summary>Brings the headers of a repository's safetensors and GGUF files, so that they can be looked at before the weights move.</summary>
internal static class WeightHeaders
{
    private const int FirstBytes = 64 * 1024;
    private const int MaxHeaderBytes = 8 * 1024 * 1024;

    // A vocabulary lies in there.
    private const int MaxGgufHeaderBytes = 64 * 1024 * 1024;
    private const int MaxFiles = 64;

    /// <summary>Puts files into a folder that have the headers, and the lengths, of the real ones. Their tensors are holes that take no space.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="weights">The set of weights.</param>
    /// <param name="files">Its files.</param>
    /// <param name="folder">Where to put them.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>False when the format has no header, there are too many files, a header is too long for a check, or the disk knows no holes.</returns>
    /// <exception cref="HubException">As a download would throw it.</exception>
    public static async Task<bool> TryBringAsync(
        ModelRepository repository, WeightChoice weights, IReadOnlyList<string> files, string folder, CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows() || files.Count > MaxFiles || weights.Format is not (WeightFormat.Safetensors or WeightFormat.Gguf))
            return false;
        Dictionary<string, long> sizes = repository.Files.ToDictionary(file => file.Path, file => file.SizeBytes, StringComparer.Ordinal);
        foreach (string path in files)
        {
            byte[]? start = weights.Format == WeightFormat.Gguf
                ? await ReadGgufAsync(repository, path, sizes[path], cancellationToken)
                : await ReadSafetensorsAsync(repository, path, sizes[path], cancellationToken);
            if (start is null)
                return false;
            await WriteAsync(Path.Combine(folder, path), start, sizes[path], cancellationToken);
        }
        return true;
    }

    /// <summary>Brings the header of the one GGUF file that a model is, which tells its configuration.</summary>
    /// <exception cref="AppException">corrupt_model: the header does not end.</exception>
    /// <exception cref="HubException">As a download would throw it.</exception>
    /// <exception cref="Inference.InferenceException">The header is damaged.</exception>
    public static async Task BringConfigurationAsync(ModelRepository repository, WeightChoice weights, string folder, CancellationToken cancellationToken)
    {
        string path = weights.Files[0];
        long size = repository.Files.First(file => file.Path == path).SizeBytes;
        byte[] start = await ReadGgufAsync(repository, path, size, cancellationToken)
            ?? throw new AppException(FailureCode.CorruptModel, $"The header of '{path}' in '{repository.Id}' is longer than {MaxGgufHeaderBytes} bytes.") { Remedy = "Choose another file of the model (--weights FILE)." };
        await WriteAsync(Path.Combine(folder, path), start, size, cancellationToken);
    }

    /// <summary>Reads something from the header of the one GGUF file that a model is, without leaving it anywhere.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="weights">The file.</param>
    /// <param name="read">Reads it, in the folder that it is given.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HubException">As a download would throw it; and what <paramref name="read"/> throws.</exception>
    public static async Task<T> ReadAsync<T>(ModelRepository repository, WeightChoice weights, Func<string, T> read, CancellationToken cancellationToken)
    {
        // Beside the cache, which has whole files only.
        string folder = Directory.CreateTempSubdirectory("llm-service-header-").FullName;
        try
        {
            await BringConfigurationAsync(repository, weights, folder, cancellationToken);
            return read(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // What follows the header is a hole; where the system knows none, the file ends there.
    private static async Task WriteAsync(string path, byte[] start, long size, CancellationToken cancellationToken)
    {
        await using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        await file.WriteAsync(start, cancellationToken);
        if (!OperatingSystem.IsWindows())
            file.SetLength(size);
    }

    private static async Task<byte[]?> ReadSafetensorsAsync(ModelRepository repository, string path, long size, CancellationToken cancellationToken)
    {
        byte[] start = await repository.ReadStartAsync(path, FirstBytes, cancellationToken);
        ulong header = start.Length < sizeof(ulong) ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(start);
        // A length that cannot be is for the reader of the file to refuse.
        bool isPlausible = header <= (ulong)Math.Max(0, size - sizeof(ulong));
        if (isPlausible && header > MaxHeaderBytes)
            return null;
        return isPlausible && (int)header + sizeof(ulong) > start.Length ? await repository.ReadStartAsync(path, (int)header + sizeof(ulong), cancellationToken) : start;
    }

    private static async Task<byte[]?> ReadGgufAsync(ModelRepository repository, string path, long size, CancellationToken cancellationToken)
    {
        for (int count = 8 * FirstBytes; count <= MaxGgufHeaderBytes; count *= 4)
        {
            byte[] start = await repository.ReadStartAsync(path, count, cancellationToken);
            if (start.Length >= size || GgufModel.Parse(start, size, path) is not null)
                return start;
        }
        return null;
    }
}
