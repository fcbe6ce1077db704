namespace LlmService.Inference.Execution;

/// <summary>The block tables of one sequence. Disposing it gives the blocks back.</summary>
public sealed class SequenceCache : IDisposable
{
    private readonly KvCache _cache;
    private readonly Table[] _tables;
    private bool _disposed;

    internal SequenceCache(KvCache cache)
    {
        _cache = cache;
        _tables = new Table[cache.Groups.Length];
        for (int i = 0; i < _tables.Length; i++) _tables[i] = new Table(cache.Groups[i]);
    }

    /// <summary>How many positions are reserved.</summary>
    public int ReservedTokens { get; private set; }

    /// <summary>How many encoder positions are reserved.</summary>
    public int ReservedCrossTokens { get; private set; }

    /// <summary>How many encoder positions were written.</summary>
    internal int CrossTokens { get; private set; }

    /// <summary>Reserves room for positions 0 … <paramref name="tokenCount"/> - 1. False, and nothing changed, when too few blocks are free.</summary>
    public bool TryReserve(int tokenCount)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(tokenCount);
        if (tokenCount <= ReservedTokens) return true;
        if (!TryReserve(tokenCount, cross: false)) return false;
        ReservedTokens = tokenCount;
        return true;
    }

    /// <summary>Reserves room for the cross-attention of an encoder input. False, and nothing changed, when too few blocks are free.</summary>
    public bool TryReserveCross(int tokenCount)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(tokenCount);
        if (tokenCount <= ReservedCrossTokens) return true;
        if (!TryReserve(tokenCount, cross: true)) return false;
        ReservedCrossTokens = tokenCount;
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        foreach (Table table in _tables)
        {
            table.ReturnBelow(table.Blocks.Length);
            _cache.Release(table.Reserved * table.Group.BlockBytes);
        }
    }

    /// <summary>Forgets all positions of the sequence itself; what is reserved stays so, and so does what came of the encoder.</summary>
    internal void Clear()
    {
        foreach (Table table in _tables)
        {
            if (table.Group.Layer.Kind != CacheKind.Cross)
                table.Clear();
        }
    }

    /// <summary>Gets storage for positions that are about to be written, and gives back what no later position sees.</summary>
    /// <exception cref="InvalidOperationException">The positions were not reserved.</exception>
    internal void Prepare(int firstPosition, int tokenCount)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(firstPosition);
        if (tokenCount > ReservedTokens - firstPosition)
            throw new InvalidOperationException($"Positions {firstPosition} to {firstPosition + (long)tokenCount - 1} are needed, {ReservedTokens} are reserved.");
        foreach (Table table in _tables)
        {
            switch (table.Group.Layer.Kind)
            {
                case CacheKind.Full:
                    table.Fill(_cache, KvCache.BlockOf(firstPosition), KvCache.BlockOf(firstPosition + tokenCount - 1));
                    break;
                case CacheKind.Sliding:
                    table.ReturnBelow(KvCache.BlockOf(Math.Max(0, firstPosition - table.Group.Layer.Window + 1)));
                    table.Fill(_cache, KvCache.BlockOf(firstPosition), KvCache.BlockOf(firstPosition + tokenCount - 1));
                    break;
                case CacheKind.State:
                    table.Fill(_cache, 0, 0);
                    break;
                case CacheKind.Cross:
                    break;
            }
        }
    }

    /// <summary>Gets storage for the encoder positions that are about to be written.</summary>
    /// <exception cref="InvalidOperationException">The positions were not reserved.</exception>
    internal void PrepareCross(int tokenCount)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (tokenCount > ReservedCrossTokens)
            throw new InvalidOperationException($"{tokenCount} encoder positions are needed, {ReservedCrossTokens} are reserved.");
        foreach (Table table in _tables)
        {
            if (table.Group.Layer.Kind == CacheKind.Cross) table.Fill(_cache, 0, KvCache.BlockOf(tokenCount - 1));
        }

        CrossTokens = tokenCount;
    }

    /// <summary>The blocks of a group, by position / 16; null where nothing was written or all was given back.</summary>
    internal float[]?[] BlocksOf(int group) => _tables[group].Blocks;

    private bool TryReserve(int tokenCount, bool cross)
    {
        long bytes = 0;
        foreach (Table table in _tables)
        {
            if ((table.Group.Layer.Kind == CacheKind.Cross) != cross) continue;
            bytes += (_cache.BlocksFor(table.Group, tokenCount) - table.Reserved) * table.Group.BlockBytes;
        }

        if (!_cache.TryReserve(bytes)) return false;
        foreach (Table table in _tables)
        {
            if ((table.Group.Layer.Kind == CacheKind.Cross) == cross) table.Reserved = _cache.BlocksFor(table.Group, tokenCount);
        }

        return true;
    }

    private sealed class Table(CacheGroup group)
    {
        private int _first;
        private int _held;

        public CacheGroup Group { get; } = group;

        public int Reserved { get; set; }

        public float[]?[] Blocks { get; private set; } = [];

        public void Fill(KvCache cache, int first, int last)
        {
            if (last >= Blocks.Length)
            {
                float[]?[] longer = new float[]?[Math.Max(last + 1, Math.Min(2 * Blocks.Length, Array.MaxLength))];
                Blocks.CopyTo(longer, 0);
                Blocks = longer;
            }

            for (int i = first; i <= last; i++)
            {
                if (Blocks[i] is not null) continue;
                if (_held == Reserved)
                    throw new InvalidOperationException($"A pass needs more than the {Reserved} reserved blocks of a {Group.Layer.Kind} layer: its row is too long.");
                Blocks[i] = cache.Take(Group);
                _held++;
            }
        }

        public void Clear()
        {
            ReturnBelow(Blocks.Length);
            _first = 0;
        }

        public void ReturnBelow(int end)
        {
            for (; _first < Math.Min(end, Blocks.Length); _first++)
            {
                if (Blocks[_first] is not { } block) continue;
                KvCache.Return(Group, block);
                Blocks[_first] = null;
                _held--;
            }
        }
    }
}
