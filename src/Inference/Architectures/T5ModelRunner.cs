using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Architectures;

/// <summary>T5 v1.0 and v1.1 (FLAN): an encoder that sees everything, a decoder that sees its past and the encoder's output. Scores are not scaled.</summary>
internal sealed class T5ModelRunner : ModelRunner
{
    private readonly T5Configuration _configuration;
    private readonly Checkpoint _checkpoint;
    private readonly WeightReader _weights;
    private readonly Compute _compute;
    private readonly WeightMatrix _embeddings;
    private readonly WeightMatrix _encoderEmbeddings;
    private readonly EncoderLayer[] _encoder;
    private readonly DecoderLayer[] _decoder;
    private readonly Norm _encoderNorm;
    private readonly Norm _decoderNorm;
    private readonly Linear _head;
    private readonly AttentionShape _encoderShape;
    private readonly AttentionShape _crossShape;
    private readonly Scratch _scratch = new();
    private readonly bool _rowByRow;
    private readonly BatchLayout _batch = new();
    private readonly List<AttentionQuery> _queries = [];
    private readonly List<float[]> _encoderBlocks = [];

    public T5ModelRunner(T5Configuration configuration, Checkpoint checkpoint, EngineOptions options)
    {
        _configuration = configuration;
        _checkpoint = checkpoint;
        _rowByRow = options.ExactOnnxArithmetic;
        _compute = new Compute(options.Kernels, options.Workers);
        ComputeFormat format = options.Format ?? throw new ArgumentException("The format is not chosen.", nameof(options));
        _weights = new WeightReader(checkpoint, format, _compute, options.ExactOnnxArithmetic);
        int hidden = configuration.ModelSize, vocabulary = configuration.VocabularySize;
        // Newer files say that the head is tied and not scaled, and store the untied one of v1.1 all the same.
        bool usesTable = configuration.TiedHead && !checkpoint.HasOwnHead && (configuration.ScaledHead || !checkpoint.Has("lm_head.weight"));
        StoredTensor table = checkpoint.Get(checkpoint.Has("shared.weight") ? "shared.weight" : "encoder.embed_tokens.weight", vocabulary, hidden);
        _embeddings = _weights.Table(table);
        _encoderEmbeddings = checkpoint.HasEncoderTable ? _weights.Table(checkpoint.Get("encoder.embed_tokens.weight", vocabulary, hidden)) : _embeddings;
        _head = _weights.Head(usesTable ? table : checkpoint.Get("lm_head.weight", vocabulary, hidden));
        _encoderNorm = Norm.Read(_weights, "encoder.final_layer_norm", hidden, configuration.NormEpsilon);
        _decoderNorm = Norm.Read(_weights, "decoder.final_layer_norm", hidden, configuration.NormEpsilon);
        _encoderShape = Shape(ReadBias("encoder", bidirectional: true));
        _crossShape = Shape(null);
        AttentionShape decoderShape = Shape(ReadBias("decoder", bidirectional: false));

        int prompt = options.MaxModelLength ?? configuration.PromptLength, answer = options.MaxModelLength ?? configuration.AnswerLength;
        Cache = CacheSizing.Create(configuration.CacheLayers, options, answer, prompt);
        _encoder = [.. Enumerable.Range(0, configuration.EncoderLayers).Select(ReadEncoderLayer)];
        _decoder = [.. Enumerable.Range(0, configuration.DecoderLayers).Select(i => ReadDecoderLayer(i, decoderShape))];
        checkpoint.CheckAllUsed(IsHarmless);
        Model = new()
        {
            Architecture = "t5",
            VocabularySize = vocabulary,
            IsEncoderDecoder = true,
            DecoderStartTokenId = configuration.DecoderStartTokenId,
            ContextLength = answer,
            PromptLength = prompt,
            StoredPrecision = TensorFormat.NameOf(checkpoint.MainType),
            // The graphs of the two halves each hold the same table.
            ParameterCount = checkpoint.ParameterCount - (checkpoint.HasEncoderTable ? (long)vocabulary * hidden : 0),
            Precision = ComputeFormats.NameOf(format),
            WeightBytes = _weights.HeldBytes,
        };
    }

    /// <inheritdoc/>
    public override ModelDescription Model { get; }

    /// <inheritdoc/>
    public override int ActivationsPerToken => 6 * _configuration.ModelSize + 9 * Inner + (_configuration.Gated ? 4 : 2) * _configuration.FeedForwardSize;

    /// <inheritdoc/>
    public override KvCache Cache { get; }

    private int Inner => _configuration.HeadCount * _configuration.HeadSize;

    /// <inheritdoc/>
    public override void Encode(ReadOnlySpan<EncoderRow> rows)
    {
        foreach (EncoderRow row in rows)
        {
            Memory<float> encoded = EncodeRow(row.TokenIds.Span);
            row.Cache.PrepareCross(row.TokenIds.Length);
            foreach (DecoderLayer layer in _decoder)
                WriteCross(layer, row, encoded);
        }
    }

    /// <inheritdoc/>
    public override void Forward(ReadOnlySpan<BatchRow> rows, Span<float> logits)
    {
        if (_rowByRow && rows.Length > 1)
        {
            ForwardSingly(rows, logits);
            return;
        }
        _batch.Fill(rows, Model.VocabularySize);
        int tokens = _batch.TokenCount, hidden = _configuration.ModelSize;
        Memory<float> state = _scratch.Take("state", tokens * hidden);
        Memory<float> normed = _scratch.Take("normed", tokens * hidden), change = _scratch.Take("change", tokens * hidden);
        for (int token = 0; token < tokens; token++)
            _embeddings.ReadRow(_batch.TokenIds[token], state.Span.Slice(token * hidden, hidden));
        foreach (DecoderLayer layer in _decoder)
        {
            layer.SelfNorm.Apply(state.Span, tokens, normed.Span, _compute.Path);
            layer.SelfAttention.Apply(normed, _batch, change, null, _scratch, _compute);
            ElementKernels.Add(_compute.Path, state.Span, change.Span);
            layer.CrossNorm.Apply(state.Span, tokens, normed.Span, _compute.Path);
            AttendCross(layer, normed, tokens, change);
            ElementKernels.Add(_compute.Path, state.Span, change.Span);
            layer.FeedForwardNorm.Apply(state.Span, tokens, normed.Span, _compute.Path);
            layer.FeedForward.Apply(normed, tokens, change, _scratch, _compute);
            ElementKernels.Add(_compute.Path, state.Span, change.Span);
        }
        // A tied head expects its input scaled by d_model^-0.5 (mesh-tensorflow's shared embeddings).
        float scale = _configuration.ScaledHead ? 1 / MathF.Sqrt(hidden) : 1;
        Head.Write(_batch, state.Span, hidden, _decoderNorm, scale, _head, logits, _scratch, _compute);
    }

    /// <inheritdoc/>
    public override void Dispose() => _checkpoint.Dispose();

    /// <summary>The encoder's last hidden state, [tokens, d_model]; valid until the next call.</summary>
    internal Memory<float> EncodeRow(ReadOnlySpan<int> ids)
    {
        int tokens = ids.Length, hidden = _configuration.ModelSize;
        Memory<float> state = _scratch.Take("encoder state", tokens * hidden);
        Memory<float> normed = _scratch.Take("encoder normed", tokens * hidden), change = _scratch.Take("encoder change", tokens * hidden);
        for (int token = 0; token < tokens; token++)
            _encoderEmbeddings.ReadRow(ids[token], state.Span.Slice(token * hidden, hidden));
        foreach (EncoderLayer layer in _encoder)
        {
            layer.AttentionNorm.Apply(state.Span, tokens, normed.Span, _compute.Path);
            AttendEncoder(layer, normed, tokens, change);
            ElementKernels.Add(_compute.Path, state.Span, change.Span);
            layer.FeedForwardNorm.Apply(state.Span, tokens, normed.Span, _compute.Path);
            layer.FeedForward.Apply(normed, tokens, change, _scratch, _compute);
            ElementKernels.Add(_compute.Path, state.Span, change.Span);
        }
        _encoderNorm.Apply(state.Span, tokens, normed.Span, _compute.Path);
        return normed;
    }

    private void AttendEncoder(EncoderLayer layer, Memory<float> input, int tokens, Memory<float> result)
    {
        // The encoder has no cache; its keys and values lie in blocks of its own.
        Memory<float> projected = _scratch.Take("encoder projected", tokens * 3 * Inner);
        layer.Input.Apply(input, tokens, projected, _compute);
        KeyValueView view = EncoderView(tokens);
        _queries.Clear();
        for (int token = 0; token < tokens; token++)
        {
            ReadOnlySpan<float> row = projected.Span.Slice(token * 3 * Inner, 3 * Inner);
            view.Write(token, row.Slice(Inner, Inner), row.Slice(2 * Inner, Inner));
            _queries.Add(new(view, 0, tokens - 1, token));
        }
        Memory<float> attended = _scratch.Take("encoder attended", tokens * Inner);
        AttentionKernels.Attend(_compute, _encoderShape, _queries, projected, 3 * Inner, attended);
        layer.Output.Apply(attended, tokens, result, _compute);
    }

    private KeyValueView EncoderView(int tokens)
    {
        int blocks = (tokens + KeyValueView.BlockPositions - 1) / KeyValueView.BlockPositions;
        while (_encoderBlocks.Count < blocks)
            _encoderBlocks.Add(new float[2 * KeyValueView.BlockPositions * Inner]);
        return new([.. _encoderBlocks], 0, Inner);
    }

    private void WriteCross(DecoderLayer layer, EncoderRow row, Memory<float> encoded)
    {
        int tokens = row.TokenIds.Length;
        Memory<float> projected = _scratch.Take("cross projected", tokens * 2 * Inner);
        layer.CrossInput.Apply(encoded, tokens, projected, _compute);
        KeyValueView view = CrossView(layer, row.Cache);
        for (int token = 0; token < tokens; token++)
        {
            view.Write(token, projected.Span.Slice(token * 2 * Inner, Inner), projected.Span.Slice(token * 2 * Inner + Inner, Inner));
        }
    }

    private void AttendCross(DecoderLayer layer, Memory<float> input, int tokens, Memory<float> result)
    {
        Memory<float> queries = _scratch.Take("queries", tokens * Inner), attended = _scratch.Take("attended", tokens * Inner);
        layer.CrossQuery.Apply(input, tokens, queries, _compute);
        _queries.Clear();
        for (int token = 0; token < tokens; token++)
        {
            SequenceCache cache = _batch.Caches[token];
            if (cache.CrossTokens == 0)
                throw new InvalidOperationException("The decoder ran before the encoder.");
            _queries.Add(new(CrossView(layer, cache), 0, cache.CrossTokens - 1, _batch.Positions[token]));
        }
        AttentionKernels.Attend(_compute, _crossShape, _queries, queries, Inner, attended);
        layer.CrossOutput.Apply(attended, tokens, result, _compute);
    }

    private KeyValueView CrossView(DecoderLayer layer, SequenceCache cache) =>
        new(cache.BlocksOf(layer.CrossSlot.Group), layer.CrossSlot.Offset, Inner);

    private AttentionShape Shape(RelativeBias? bias) => new(_configuration.HeadCount, _configuration.HeadCount, _configuration.HeadSize, 1, bias);

    private RelativeBias ReadBias(string stack, bool bidirectional) => new(
        _checkpoint.Get($"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight", _configuration.Buckets, _configuration.HeadCount),
        _configuration.Buckets, _configuration.MaxDistance, bidirectional);

    private EncoderLayer ReadEncoderLayer(int index)
    {
        string attention = $"encoder.block.{index}.layer.0", feedForward = $"encoder.block.{index}.layer.1";
        return new(ReadNorm(attention), Projections($"{attention}.SelfAttention", "q", "k", "v"),
            _weights.Linear($"{attention}.SelfAttention.o", _configuration.ModelSize, Inner), ReadNorm(feedForward), ReadFeedForward(feedForward));
    }

    private DecoderLayer ReadDecoderLayer(int index, AttentionShape shape)
    {
        string self = $"decoder.block.{index}.layer.0", cross = $"decoder.block.{index}.layer.1", feedForward = $"decoder.block.{index}.layer.2";
        int hidden = _configuration.ModelSize;
        SelfAttention attention = new(shape, Cache.SlotOf(index), 0, Projections($"{self}.SelfAttention", "q", "k", "v"), _weights.Linear($"{self}.SelfAttention.o", hidden, Inner));
        return new(ReadNorm(self), attention, ReadNorm(cross), Cache.SlotOf(_configuration.DecoderLayers + index), Projections($"{cross}.EncDecAttention", "q"),
            Projections($"{cross}.EncDecAttention", "k", "v"), _weights.Linear($"{cross}.EncDecAttention.o", hidden, Inner), ReadNorm(feedForward), ReadFeedForward(feedForward));
    }

    private Norm ReadNorm(string layer) => Norm.Read(_weights, $"{layer}.layer_norm", _configuration.ModelSize, _configuration.NormEpsilon);

    private Linear Projections(string attention, params ReadOnlySpan<string> names)
    {
        List<(string, int)> parts = [];
        foreach (string name in names)
            parts.Add(($"{attention}.{name}", Inner));
        return _weights.Stack(_configuration.ModelSize, bias: false, [.. parts]);
    }

    private FeedForward ReadFeedForward(string layer)
    {
        string name = $"{layer}.DenseReluDense";
        int hidden = _configuration.ModelSize, inner = _configuration.FeedForwardSize;
        Linear input = _configuration.Gated ? _weights.Stack(hidden, bias: false, ($"{name}.wi_0", inner), ($"{name}.wi_1", inner)) : _weights.Linear($"{name}.wi", inner, hidden);
        return new(_configuration.Activation, input, _configuration.Gated, _weights.Linear($"{name}.wo", hidden, inner));
    }

    // Older files store the shared table once more for each stack, and a bias in the cross-attention that the reference does not use.
    private bool IsHarmless(string name) =>
        name is "encoder.embed_tokens.weight" or "decoder.embed_tokens.weight" or "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
        || (_configuration.TiedHead && name == "lm_head.weight");

    private sealed record EncoderLayer(Norm AttentionNorm, Linear Input, Linear Output, Norm FeedForwardNorm, FeedForward FeedForward);

    private sealed record DecoderLayer(
        Norm SelfNorm, SelfAttention SelfAttention, Norm CrossNorm, CacheSlot CrossSlot, Linear CrossQuery, Linear CrossInput, Linear CrossOutput,
        Norm FeedForwardNorm, FeedForward FeedForward);
}
