namespace LlmService.Hub;

/// <summary>A set of byte positions, as ranges that neither touch nor overlap.</summary>
internal sealed class ByteRanges
{
    private readonly List<(long From, long To)> _ranges = [];

    public IReadOnlyList<(long From, long To)> All => _ranges;

    public long Total { get; private set; }

    /// <summary>How many bytes there are from 0 on without a gap.</summary>
    public long Prefix => _ranges is [{ From: 0, To: var to }, ..] ? to : 0;

    /// <summary>Adds the positions from a byte to before another; nothing when that is no range.</summary>
    public void Add(long from, long to)
    {
        if (from < 0 || from >= to)
            return;
        int first = _ranges.FindIndex(range => range.To >= from);
        if (first < 0)
            first = _ranges.Count;
        int end = first;
        while (end < _ranges.Count && _ranges[end].From <= to)
        {
            from = Math.Min(from, _ranges[end].From);
            to = Math.Max(to, _ranges[end].To);
            Total -= _ranges[end].To - _ranges[end].From;
            end++;
        }
        _ranges.RemoveRange(first, end - first);
        _ranges.Insert(first, (from, to));
        Total += to - from;
    }

    /// <summary>The first stretch below <paramref name="size"/> that is not in the set; empty when there is none.</summary>
    public (long From, long To) FirstGap(long size)
    {
        long from = Prefix;
        int next = from > 0 ? 1 : 0;
        return (Math.Min(from, size), next < _ranges.Count ? Math.Min(size, _ranges[next].From) : size);
    }

    public void Clear()
    {
        _ranges.Clear();
        Total = 0;
    }

    public ByteRanges Clone()
    {
        var copy = new ByteRanges();
        copy._ranges.AddRange(_ranges);
        copy.Total = Total;
        return copy;
    }
}
