using LlmService.Inference.Kernels;

namespace LlmService.Inference.Execution;

/// <summary>The block tables of one sequence, or of one of its branches. Disposing it gives the blocks back; those of a common past are free when the last branch is gone.</summary>
public sealed class SequenceCache : IDisposable
{
    private readonly KvCache _cache;
    private readonly Table[] _tables;
    private readonly Family _family;
    private bool _disposed;

    internal SequenceCache(KvCache cache)
    {
        _cache = cache;
        _family = new Family();
        _tables = new Table[cache.Groups.Length];
        for (int i = 0; i < _tables.Length; i++) _tables[i] = new Table(cache.Groups[i], new Account());
    }

    private SequenceCache(SequenceCache parent)
    {
        _cache = parent._cache;
        _family = parent._family;
        _family.Branches++;
        _tables = [.. parent._tables.Select(table => table.Fork())];
        ReservedTokens = parent.ReservedTokens;
        ReservedCrossTokens = parent.ReservedCrossTokens;
        CrossTokens = parent.CrossTokens;
    }

    /// <summary>How many positions are reserved.</summary>
    public int ReservedTokens { get; private set; }

    /// <summary>How many encoder positions are reserved.</summary>
    public int ReservedCrossTokens { get; private set; }

    /// <summary>How many encoder positions were written.</summary>
    internal int CrossTokens { get; private set; }

    /// <summary>Reserves room for positions 0 … <paramref name="tokenCount"/> - 1. False, and nothing changed, when too few blocks are free.</summary>
    public bool TryReserve(int tokenCount) => TryReserve(tokenCount, Branching.None);

    /// <summary>Reserves room for these positions of all branches of the sequence. False, and nothing changed, when too few blocks are free.</summary>
    internal bool TryReserve(int tokenCount, Branching branching)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(tokenCount);
        if (tokenCount <= ReservedTokens) return true;
        if (!TryReserve(tokenCount, branching, cross: false)) return false;
        ReservedTokens = tokenCount;
        return true;
    }

    /// <summary>Reserves room for the cross-attention of an encoder input. False, and nothing changed, when too few blocks are free.</summary>
    public bool TryReserveCross(int tokenCount)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(tokenCount);
        if (tokenCount <= ReservedCrossTokens) return true;
        if (!TryReserve(tokenCount, Branching.None, cross: true)) return false;
        ReservedCrossTokens = tokenCount;
        return true;
    }

    /// <summary>A branch with the same past. Blocks are common to both until one of them writes, which then gets a copy; the room was reserved for all branches together.</summary>
    internal SequenceCache Fork()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new SequenceCache(this);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _family.Branches--;
        foreach (Table table in _tables)
        {
            table.ReturnBelow(table.Blocks.Length);
            if (_family.Branches == 0) _cache.Release(table.Account.Reserved * table.Group.BlockBytes);
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

    /// <summary>The keys and values of a layer.</summary>
    internal KeyValueView View(CacheSlot slot, AttentionShape shape) => new(_tables[slot.Group].Blocks, slot.Offset, shape.KeyValueHeadCount, shape.HeadSize, _tables[slot.Group].Group.IsHalf);

    private bool TryReserve(int tokenCount, Branching branching, bool cross)
    {
        long bytes = 0;
        foreach (Table table in _tables)
        {
            if ((table.Group.Layer.Kind == CacheKind.Cross) != cross) continue;
            bytes += (_cache.BlocksFor(table.Group, tokenCount, branching) - table.Account.Reserved) * table.Group.BlockBytes;
        }

        if (!_cache.TryReserve(bytes)) return false;
        foreach (Table table in _tables)
        {
            if ((table.Group.Layer.Kind == CacheKind.Cross) == cross) table.Account.Reserved = _cache.BlocksFor(table.Group, tokenCount, branching);
        }

        return true;
    }

    /// <summary>How many branches of a sequence there are.</summary>
    private sealed class Family
    {
        public int Branches { get; set; } = 1;
    }

    /// <summary>Blocks of a group that all branches of a sequence hold; one that is common to several counts once.</summary>
    private sealed class Account
    {
        public long Reserved { get; set; }

        public long Held { get; set; }
    }

    private sealed class Table(CacheGroup group, Account account)
    {
        private int _first;

        public CacheGroup Group { get; } = group;

        public Account Account { get; } = account;

        public float[]?[] Blocks { get; private set; } = [];

        /// <summary>A table of the same blocks, which from now on have one more owner.</summary>
        public Table Fork()
        {
            foreach (float[]? block in Blocks)
            {
                if (block is not null) Group.Shared[block] = Group.Shared.GetValueOrDefault(block) + 1;
            }

            return new Table(Group, Account) { Blocks = [.. Blocks], _first = _first };
        }

        /// <summary>Readies blocks that are about to be written.</summary>
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
                float[]? common = Blocks[i];
                if (common is not null && !Group.Shared.ContainsKey(common)) continue;
                if (Account.Held == Account.Reserved)
                    throw new InvalidOperationException($"A pass needs more than the {Account.Reserved} reserved blocks of a {Group.Layer.Kind} layer: its row is too long.");
                Account.Held++;
                Blocks[i] = cache.Take(Group);
                if (common is null) continue;
                common.CopyTo(Blocks[i]!, 0);
                KvCache.Return(Group, common);
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
                if (KvCache.Return(Group, block)) Account.Held--;
                Blocks[_first] = null;
            }
        }
    }
}
