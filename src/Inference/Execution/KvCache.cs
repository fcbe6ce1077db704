namespace LlmService.Inference.Execution;

/// <summary>What the layers of a cache group keep for a sequence.</summary>
public enum CacheKind
{
    /// <summary>Keys and values of every position.</summary>
    Full,

    /// <summary>Keys and values of the last window of positions; blocks that fell out are given back.</summary>
    Sliding,

    /// <summary>Keys and values of the encoder's output, written once.</summary>
    Cross,

    /// <summary>A state of fixed size, whatever the length.</summary>
    State,
}

/// <summary>One layer's part in the cache.</summary>
/// <param name="Kind">What it keeps.</param>
/// <param name="FloatsPerToken">Floats of keys and values together for one position (for <see cref="CacheKind.State"/>: of the whole state).</param>
/// <param name="Window">How many positions a sliding layer sees, the current one included; 0 for other kinds.</param>
public readonly record struct CacheLayer(CacheKind Kind, int FloatsPerToken, int Window = 0);

/// <summary>Blocks of keys and values, handed out to sequences through block tables. Used by one thread at a time.</summary>
public sealed class KvCache
{
    /// <summary>Makes an empty cache.</summary>
    /// <param name="layers">The layers, in order; encoder-decoders list their self-attention and their cross-attention layers.</param>
    /// <param name="capacityBytes">What all blocks together may take. Memory is taken when a block is first used.</param>
    public KvCache(IReadOnlyList<CacheLayer> layers, long capacityBytes) => throw new NotSupportedException();

    /// <summary>What all blocks together may take.</summary>
    public long CapacityBytes => throw new NotSupportedException();

    /// <summary>What the reserved blocks take.</summary>
    public long UsedBytes => throw new NotSupportedException();

    /// <summary>Bytes that a sequence of these lengths needs at most.</summary>
    public long BytesFor(int tokenCount, int crossTokenCount) => throw new NotSupportedException();

    /// <summary>Opens the cache of a new, empty sequence.</summary>
    public SequenceCache Open() => throw new NotSupportedException();
}

/// <summary>The block tables of one sequence. Disposing it gives the blocks back.</summary>
public sealed class SequenceCache : IDisposable
{
    /// <summary>Reserves room for positions 0 … <paramref name="tokenCount"/> - 1. False, and nothing changed, when too few blocks are free.</summary>
    public bool TryReserve(int tokenCount) => throw new NotSupportedException();

    /// <summary>Reserves room for the cross-attention of an encoder input. False, and nothing changed, when too few blocks are free.</summary>
    public bool TryReserveCross(int tokenCount) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Dispose() => throw new NotSupportedException();
}
