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
/// <param name="FloatsPerToken">Numbers of keys and values together for one position (for <see cref="CacheKind.State"/>: of the whole state).</param>
/// <param name="Window">How many positions a sliding layer sees, the current one included; 0 for other kinds.</param>
public readonly record struct CacheLayer(CacheKind Kind, int FloatsPerToken, int Window = 0)
{
    /// <summary>Whether the layer is kept in floats always: heads of an odd size, whose numbers cannot be paired.</summary>
    public bool IsSingle { get; init; }

    /// <summary>Whether the numbers of heads of this size cannot be paired.</summary>
    internal static bool IsOdd(int headSize) => headSize % 2 != 0;
}

/// <summary>Blocks of keys and values, handed out to sequences through block tables. Used by one thread at a time.</summary>
public sealed class KvCache
{
    /// <summary>Positions in one block.</summary>
    public const int BlockPositions = Kernels.KeyValueView.BlockPositions;

    private readonly CacheGroup[] _groups;
    private readonly CacheSlot[] _slots;
    private readonly int _longestRow;
    private long _storedBytes;

    /// <summary>Makes an empty cache.</summary>
    /// <param name="layers">The layers, in order; encoder-decoders list their self-attention and their cross-attention layers.</param>
    /// <param name="capacityBytes">What all blocks together may take. Memory is taken when a block is first used.</param>
    /// <param name="longestRow">The most tokens of one sequence that are computed in one pass: with the window, it bounds what a sliding layer holds.</param>
    /// <param name="isHalf">Whether keys and values are kept as bfloat16; states and <see cref="CacheLayer.IsSingle"/> layers are floats always.</param>
    public KvCache(IReadOnlyList<CacheLayer> layers, long capacityBytes, int longestRow = int.MaxValue, bool isHalf = false)
    {
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentOutOfRangeException.ThrowIfNegative(capacityBytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(longestRow, 1);
        CapacityBytes = capacityBytes;
        _longestRow = longestRow;
        _groups = [.. layers.GroupBy(layer => layer).Select(group => new CacheGroup(group.Key, group.Count(), isHalf))];
        _slots = new CacheSlot[layers.Count];
        int[] seen = new int[_groups.Length];
        for (int i = 0; i < _slots.Length; i++)
        {
            int group = Array.FindIndex(_groups, g => g.Layer == layers[i]);
            _slots[i] = new CacheSlot(group, seen[group]++ * _groups[group].FloatsPerLayer);
        }
    }

    /// <summary>What all blocks together may take.</summary>
    public long CapacityBytes { get; }

    /// <summary>What the reserved blocks take.</summary>
    public long UsedBytes { get; private set; }

    /// <summary>Layers of the same kind, size and window share their block tables.</summary>
    internal ReadOnlySpan<CacheGroup> Groups => _groups;

    /// <summary>Bytes that a sequence of these lengths needs at most.</summary>
    public long BytesFor(int tokenCount, int crossTokenCount) => BytesFor(tokenCount, crossTokenCount, Branching.None);

    /// <summary>Bytes that the branches of a sequence need at most.</summary>
    internal long BytesFor(int tokenCount, int crossTokenCount, Branching branching)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokenCount);
        ArgumentOutOfRangeException.ThrowIfNegative(crossTokenCount);
        long bytes = 0;
        foreach (CacheGroup group in _groups)
            bytes += group.BlockBytes * (group.Layer.Kind == CacheKind.Cross ? BlocksFor(group, crossTokenCount) : BlocksFor(group, tokenCount, branching));
        return bytes;
    }

    /// <summary>Opens the cache of a new, empty sequence.</summary>
    public SequenceCache Open() => new(this);

    /// <summary>Where a layer's keys and values are.</summary>
    internal CacheSlot SlotOf(int layer) => _slots[layer];

    /// <summary>How many blocks a group needs for so many positions.</summary>
    internal int BlocksFor(CacheGroup group, int tokenCount)
    {
        if (tokenCount == 0) return 0;
        int blocks = BlockOf(tokenCount - 1) + 1;
        return group.Layer.Kind switch
        {
            CacheKind.Full or CacheKind.Cross => blocks,

            // What a row sees of the past and the row itself, wherever in a block that begins.
            CacheKind.Sliding => (int)Math.Min(blocks, (((long)group.Layer.Window + _longestRow - 2) / BlockPositions) + 2),
            CacheKind.State => 1,
            _ => throw new InvalidOperationException($"Unknown cache kind {group.Layer.Kind}."),
        };
    }

    /// <summary>How many blocks all branches of a sequence need for so many positions: those that are full before the first fork stay common to them.</summary>
    internal long BlocksFor(CacheGroup group, int tokenCount, Branching branching)
    {
        long blocks = BlocksFor(group, tokenCount);
        long common = group.Layer.Kind == CacheKind.Full ? Math.Min(blocks, BlockOf(branching.CommonTokens)) : 0;
        return common + (branching.Count * (blocks - common));
    }

    internal static int BlockOf(int position) => position / BlockPositions;

    internal bool TryReserve(long bytes)
    {
        if (bytes > CapacityBytes - UsedBytes) return false;
        UsedBytes += bytes;
        return true;
    }

    internal void Release(long bytes) => UsedBytes -= bytes;

    /// <summary>Gives up the storage of blocks that nobody has.</summary>
    /// <returns>Its bytes.</returns>
    internal long ReleaseFree()
    {
        long bytes = _groups.Sum(group => group.Free.Count * group.BlockBytes);
        foreach (CacheGroup group in _groups)
        {
            group.Free.Clear();
            group.Free.TrimExcess();
        }
        _storedBytes -= bytes;
        return bytes;
    }

    /// <summary>Storage for a reserved block.</summary>
    internal float[] Take(CacheGroup group)
    {
        if (!group.Free.TryPop(out float[]? block))
        {
            TrimOthers(group.BlockBytes);
            block = GC.AllocateUninitializedArray<float>(group.BlockFloats);
            _storedBytes += group.BlockBytes;
        }

        if (group.Layer.Kind == CacheKind.State) Array.Clear(block);
        return block;
    }

    /// <summary>Gives up one owner's part in a block. True when it was the last one.</summary>
    internal static bool Return(CacheGroup group, float[] block)
    {
        if (group.Shared.Count > 0 && group.Shared.TryGetValue(block, out int others))
        {
            if (others == 1) group.Shared.Remove(block);
            else group.Shared[block] = others - 1;
            return false;
        }

        group.Free.Push(block);
        return true;
    }

    // Blocks of one group cannot serve another, so free ones are let go where all together would exceed the capacity.
    private void TrimOthers(long bytes)
    {
        foreach (CacheGroup group in _groups)
        {
            while (_storedBytes + bytes > CapacityBytes && group.Free.TryPop(out _)) _storedBytes -= group.BlockBytes;
        }
    }
}

/// <summary>How a sequence branches.</summary>
/// <param name="Count">Into how many branches at most.</param>
/// <param name="CommonTokens">How many positions are common to all of them, whatever becomes of them.</param>
internal readonly record struct Branching(int Count, int CommonTokens)
{
    public static readonly Branching None = new(1, 0);
}

/// <summary>Where a layer's part of a block begins.</summary>
/// <param name="Group">Which table.</param>
/// <param name="Offset">The first float inside each block: keys, transposed, then values.</param>
internal readonly record struct CacheSlot(int Group, int Offset);

/// <summary>Layers that share block tables, and their free storage.</summary>
internal sealed class CacheGroup
{
    public CacheGroup(CacheLayer layer, int layerCount, bool isHalf)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layer.FloatsPerToken);
        if (layer.Kind == CacheKind.Sliding) ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layer.Window);
        Layer = layer;
        IsHalf = isHalf && layer.Kind != CacheKind.State && !layer.IsSingle;
        FloatsPerLayer = layer.Kind == CacheKind.State ? layer.FloatsPerToken : checked(layer.FloatsPerToken * (IsHalf ? KvCache.BlockPositions / 2 : KvCache.BlockPositions));
        BlockFloats = checked(FloatsPerLayer * layerCount);
    }

    public CacheLayer Layer { get; }

    /// <summary>Whether keys and values are bfloat16, two in the place of a float.</summary>
    public bool IsHalf { get; }

    public int FloatsPerLayer { get; }

    public int BlockFloats { get; }

    public long BlockBytes => (long)BlockFloats * sizeof(float);

    public Stack<float[]> Free { get; } = new();

    /// <summary>Blocks with more owners than one, and how many others there are.</summary>
    public Dictionary<float[], int> Shared { get; } = new(ReferenceEqualityComparer.Instance);
}
