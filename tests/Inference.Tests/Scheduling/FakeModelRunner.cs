using LlmService.Inference.Execution;

namespace LlmService.Inference.Scheduling;

/// <summary>A model with made-up logits: a function of all that the sequence has read. It checks the contract of the ragged batch on the way.</summary>
/// <param name="score">Writes the logits of the next token after these ids (encoder-decoders: after the encoder's ids, -1, and the decoder's).</param>
internal sealed class FakeModelRunner(Action<IReadOnlyList<int>, Span<float>> score) : ModelRunner
{
    private readonly Dictionary<SequenceCache, List<int>> _histories = [];
    private readonly Dictionary<SequenceCache, int> _firstPositions = [];

    public override ModelDescription Model => new()
    {
        Architecture = "fake",
        VocabularySize = VocabularySize,
        ContextLength = ContextLength,
        PromptLength = PromptLength ?? ContextLength,
        IsEncoderDecoder = IsEncoderDecoder,
        DecoderStartTokenId = 0,
    };

    public int VocabularySize { get; init; } = 40;

    public int ContextLength { get; init; } = 256;

    public int? PromptLength { get; init; }

    public bool IsEncoderDecoder { get; init; }

    public long CacheBytes { get; init; } = 1 << 20;

    public override KvCache Cache => field ??= new KvCache([new(CacheKind.Full, 4), new(IsEncoderDecoder ? CacheKind.Cross : CacheKind.Full, 4)], CacheBytes);

    /// <summary>Called at the beginning of every step of the decoder, on the engine thread, with the number of ids in each row.</summary>
    public Action<int[]>? OnForward { get; set; }

    /// <summary>In how many parts the encoder runs.</summary>
    public int EncoderParts { get; init; } = 1;

    /// <summary>Called at the beginning of every part of the encoder, on the engine thread.</summary>
    public Action? OnEncodePart { get; set; }

    /// <summary>Called when the buffers are given up, on the engine thread.</summary>
    public Action? OnReleaseBuffers { get; set; }

    public bool IsDisposed { get; private set; }

    /// <summary>Logits that differ for every history and token, and look like noise.</summary>
    public static void Noise(IReadOnlyList<int> history, Span<float> logits)
    {
        ulong state = 14695981039346656037;
        foreach (int id in history)
            state = (state ^ (uint)id) * 1099511628211;
        for (int id = 0; id < logits.Length; id++)
        {
            ulong mixed = (state ^ (ulong)(id + 1)) * 0x9E3779B97F4A7C15;
            mixed = (mixed ^ (mixed >> 29)) * 0xBF58476D1CE4E5B9;
            logits[id] = (mixed >> 40) / (float)(1 << 24) * 8 - 4;
        }
    }

    public override void Encode(ReadOnlySpan<EncoderRow> rows)
    {
        Assert.True(IsEncoderDecoder);
        foreach (EncoderRow row in rows)
            _histories.Add(row.Cache, [.. row.TokenIds.Span, -1]);
    }

    public override bool EncodePart(EncoderRow row, int part)
    {
        OnEncodePart?.Invoke();
        if (part < EncoderParts - 1)
            return false;
        Encode([row]);
        return true;
    }

    public override long ReleaseBuffers()
    {
        OnReleaseBuffers?.Invoke();
        return 0;
    }

    public override void Forward(ReadOnlySpan<BatchRow> rows, Memory<float> logits)
    {
        int[] counts = new int[rows.Length];
        for (int i = 0; i < rows.Length; i++)
            counts[i] = rows[i].TokenIds.Length;
        OnForward?.Invoke(counts);

        var seen = new HashSet<SequenceCache>();
        foreach (BatchRow row in rows)
        {
            Assert.True(seen.Add(row.Cache), "two rows of one sequence");
            logits = logits[Forward(row, logits.Span)..];
        }

        Assert.Equal(0, logits.Length);
    }

    public override void Dispose() => IsDisposed = true;

    private int Forward(BatchRow row, Span<float> logits)
    {
        if (!_histories.TryGetValue(row.Cache, out List<int>? history))
            _histories[row.Cache] = history = [];
        Assert.Equal(_firstPositions.GetValueOrDefault(row.Cache), row.FirstPosition);
        _firstPositions[row.Cache] = row.FirstPosition + row.TokenIds.Length;

        int written = 0;
        for (int i = 0; i < row.TokenIds.Length; i++)
        {
            history.Add(row.TokenIds.Span[i]);
            if (i < row.TokenIds.Length - row.LogitsCount)
                continue;
            score(history, logits.Slice(written, VocabularySize));
            written += VocabularySize;
        }

        return written;
    }
}
