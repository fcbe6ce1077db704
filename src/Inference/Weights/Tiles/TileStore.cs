using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Weights.Tiles;

/// <summary>The packed weights of one model that is being loaded: those that the cache has, and those that it is to have the next time.</summary>
internal sealed class TileStore : IDisposable
{
    // A run that is shorter than its writing waits for it; a service that is stopped must not be held up by a slow disk.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    private readonly TileCache _cache;
    private readonly TileIdentity _identity;
    private readonly TimeProvider _time;
    private readonly TileFile? _file;
    private readonly Dictionary<UInt128, TiledMatrix> _matrices = [];
    private readonly CancellationTokenSource _stop = new();
    private bool _isComplete;
    private Thread? _writing;

    private TileStore(TileCache cache, TileIdentity identity, EngineOptions options)
    {
        _cache = cache;
        _identity = identity;
        _time = options.TimeProvider;
        _file = TileFile.Open(FilePath, identity.Key, options.Workers);
        _isComplete = _file is not null;
    }

    private string FilePath => Path.Combine(_cache.Folder, _identity.Name);

    /// <summary>Opens the store of a model; null where its weights cannot be told from others.</summary>
    /// <param name="cache">The cache.</param>
    /// <param name="folder">The model.</param>
    /// <param name="files">Its files of weights, relative.</param>
    /// <param name="options">Threads, clock, and the format that has been chosen.</param>
    public static TileStore? Open(TileCache cache, string folder, IReadOnlyList<string> files, EngineOptions options)
    {
        try
        {
            return new TileStore(cache, TileIdentity.Of(folder, files, options.Format!.Value), options);
        }
        catch (Exception e) when (TileCache.IsRefusal(e))
        {
            return null;
        }
    }

    /// <summary>Takes a matrix from the cache, or makes it.</summary>
    /// <param name="format">Its format.</param>
    /// <param name="tensors">What it is made from.</param>
    /// <param name="compute">Threads.</param>
    /// <param name="coarse">The matrix that approximates the tensors, where what it lacks of them is asked for.</param>
    public TiledMatrix Take(TileFormat format, IReadOnlyList<StoredTensor> tensors, Compute compute, TiledMatrix? coarse = null)
    {
        UInt128 key = KeyOf(format, tensors, coarse is not null);
        TiledMatrix? matrix = _file?.Find(key, format, checked((int)tensors.Sum(tensor => tensor.Shape[0])), tensors[0].Columns);
        _isComplete &= matrix is not null;
        return _matrices[key] = matrix ?? TiledMatrix.Of(format, tensors, compute, coarse);
    }

    /// <summary>Keeps what has been made, in the background. To be called when all matrices have been taken.</summary>
    public void Keep()
    {
        if (_isComplete)
        {
            Touch();
            return;
        }
        _writing = new Thread(Write) { IsBackground = true, Name = "llm-tiles" };
        _writing.Start();
    }

    public void Dispose()
    {
        if (_writing?.Join(LongestWait) == false)
        {
            _stop.Cancel();
            _writing.Join();
        }
        _stop.Dispose();
        _file?.Dispose();
    }

    /// <summary>The files that were used last stay the longest. Where the folder cannot be written to, nothing is removed from it either.</summary>
    private void Touch()
    {
        try
        {
            File.SetLastWriteTimeUtc(FilePath, _time.GetUtcNow().UtcDateTime);
        }
        catch (Exception e) when (TileCache.IsRefusal(e))
        {
            // The time of an earlier use stays.
        }
    }

    // Each process writes a file of its own and then gives it the name, which is one step: nobody sees half a file, and if two do it the later one counts.
    private void Write()
    {
        string part = Path.Combine(_cache.Folder, $"{_identity.Name}.{Guid.NewGuid():N}{TileCache.PartEnding}");
        try
        {
            Directory.CreateDirectory(_cache.Folder);
            if (!_cache.TryMakeRoom(TileFileWriter.SizeOf(_matrices.Values), _identity.Name))
                return;
            using (FileStream stream = new(part, FileMode.CreateNew, FileAccess.Write, FileShare.None, 0))
                new TileFileWriter(stream).Write(_identity.Key, _matrices, _stop.Token);
            File.SetLastWriteTimeUtc(part, _time.GetUtcNow().UtcDateTime);
            File.Move(part, FilePath, overwrite: true);
        }
        catch (Exception e) when (TileCache.IsRefusal(e) || e is OperationCanceledException)
        {
            // No room, no rights, no time: the model runs from memory.
            Remove(part);
        }
    }

    private static void Remove(string part)
    {
        try
        {
            File.Delete(part);
        }
        catch (Exception e) when (TileCache.IsRefusal(e))
        {
            // Whoever writes next removes it.
        }
    }

    /// <summary>Format, shape, and the names of the tensors that lie one below the other.</summary>
    private static UInt128 KeyOf(TileFormat format, IReadOnlyList<StoredTensor> tensors, bool isRest)
    {
        StringBuilder text = new(isRest ? $"rest in {format}" : format.ToString());
        foreach (StoredTensor tensor in tensors)
            text.Append('\n').Append(tensor.Type).Append(tensor.ShapeText).Append(tensor.Name);
        return BinaryPrimitives.ReadUInt128LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
