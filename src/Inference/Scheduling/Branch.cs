using LlmService.Inference.Execution;

namespace LlmService.Inference.Scheduling;

/// <summary>One way that a text goes on: its ids and, while it runs, its cache.</summary>
internal sealed class Branch : IDisposable
{
    private readonly int[] _ids;

    /// <param name="first">What the decoder reads before the answer.</param>
    /// <param name="maxTokens">How many tokens the answer has at most.</param>
    public Branch(int[] first, int maxTokens)
    {
        _ids = new int[first.Length + maxTokens];
        first.CopyTo(_ids, 0);
        Count = first.Length;
    }

    private Branch(Branch parent)
    {
        _ids = new int[parent._ids.Length];
        parent.Ids.CopyTo(_ids);
        Count = parent.Count;
        Cache = parent.Cache!.Fork();
    }

    /// <summary>How many ids there are.</summary>
    public int Count { get; private set; }

    /// <summary>Whether there is no place for one more.</summary>
    public bool IsFull => Count == _ids.Length;

    /// <summary>All ids so far.</summary>
    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, Count);

    /// <summary>The cache while the sequence runs.</summary>
    public SequenceCache? Cache { get; set; }

    /// <summary>Some of the ids.</summary>
    public ReadOnlyMemory<int> Slice(int start, int count) => _ids.AsMemory(start, count);

    /// <summary>Adds an id.</summary>
    public void Append(int id) => _ids[Count++] = id;

    /// <summary>Another branch with the same past.</summary>
    public Branch Fork() => new(this);

    /// <summary>Gives the cache back.</summary>
    public void Dispose()
    {
        Cache?.Dispose();
        Cache = null;
    }
}
