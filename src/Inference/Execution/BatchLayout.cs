namespace LlmService.Inference.Execution;

/// <summary>A ragged batch laid end to end: one entry a token.</summary>
internal sealed class BatchLayout
{
    private readonly List<int> _tokenIds = [];
    private readonly List<int> _positions = [];
    private readonly List<SequenceCache> _caches = [];
    private readonly List<int> _logitsTokens = [];

    public int TokenCount => _tokenIds.Count;

    public IReadOnlyList<int> TokenIds => _tokenIds;

    public ReadOnlySpan<int> Positions => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_positions);

    public IReadOnlyList<SequenceCache> Caches => _caches;

    /// <summary>Which tokens of the batch need logits.</summary>
    public IReadOnlyList<int> LogitsTokens => _logitsTokens;

    /// <summary>Lays out the rows and readies their caches.</summary>
    /// <exception cref="ArgumentException">A row is empty, asks for too many logits, or has an id outside of the vocabulary.</exception>
    public void Fill(ReadOnlySpan<BatchRow> rows, int vocabularySize)
    {
        _tokenIds.Clear();
        _positions.Clear();
        _caches.Clear();
        _logitsTokens.Clear();
        foreach (BatchRow row in rows)
        {
            ReadOnlySpan<int> ids = row.TokenIds.Span;
            if (ids.IsEmpty || row.LogitsCount < 0 || row.LogitsCount > ids.Length)
                throw new ArgumentException($"A row of {ids.Length} tokens asks for {row.LogitsCount} logits.", nameof(rows));
            row.Cache.Prepare(row.FirstPosition, ids.Length);
            for (int i = 0; i < ids.Length; i++)
            {
                if ((uint)ids[i] >= (uint)vocabularySize)
                    throw new ArgumentException($"The token id {ids[i]} is outside of the vocabulary of {vocabularySize}.", nameof(rows));
                if (i >= ids.Length - row.LogitsCount)
                    _logitsTokens.Add(_tokenIds.Count);
                _tokenIds.Add(ids[i]);
                _positions.Add(row.FirstPosition + i);
                _caches.Add(row.Cache);
            }
        }
    }
}
