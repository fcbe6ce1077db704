using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Architectures;

/// <summary>Decoder-only models of the Llama kind: x += attention(norm(x)); x += feedForward(norm(x)) in every layer, then a norm and the head.</summary>
internal sealed class DecoderModelRunner : ModelRunner
{
    private readonly DecoderConfiguration _configuration;
    private readonly Checkpoint _checkpoint;
    private readonly WeightReader _weights;
    private readonly Compute _compute;
    private readonly WeightMatrix _embeddings;
    private readonly Layer[] _layers;
    private readonly Norm _finalNorm;
    private readonly Linear _head;
    private readonly RotaryEmbedding _rotary;
    private readonly Scratch _scratch = new();
    private readonly bool _rowByRow;
    private readonly BatchLayout _batch = new();

    public DecoderModelRunner(DecoderConfiguration configuration, string modelType, Checkpoint checkpoint, EngineOptions options)
    {
        _configuration = configuration;
        _checkpoint = checkpoint;
        _rowByRow = options.ExactOnnxArithmetic;
        _compute = new Compute(options.Kernels, options.Workers);
        ComputeFormat format = options.Format ?? throw new ArgumentException("The format is not chosen.", nameof(options));
        _weights = new WeightReader(checkpoint, format, _compute, options.ExactOnnxArithmetic);
        int hidden = configuration.HiddenSize, vocabulary = configuration.VocabularySize;
        // Some tied checkpoints store the shared table under the name of the head.
        string embeddings = configuration.TiedHead && !checkpoint.Has("model.embed_tokens.weight") && checkpoint.Has("lm_head.weight") ? "lm_head.weight" : "model.embed_tokens.weight";
        StoredTensor table = checkpoint.Get(embeddings, vocabulary, hidden);
        _embeddings = _weights.Table(table);
        _head = _weights.Head(configuration.TiedHead && !checkpoint.HasOwnHead ? table : checkpoint.Get("lm_head.weight", vocabulary, hidden));
        _finalNorm = Norm.Read(_weights, "model.norm", hidden, configuration.NormEpsilon);
        _rotary = new RotaryEmbedding(ReadRotary(), configuration.HeadSize);

        int context = options.MaxModelLength ?? configuration.ContextLength;
        Cache = CacheSizing.Create(configuration.CacheLayers, options, context, 0);
        AttentionShape shape = new(configuration.HeadCount, configuration.KeyValueHeadCount, configuration.HeadSize, 1 / MathF.Sqrt(configuration.HeadSize));
        _layers = [.. Enumerable.Range(0, configuration.LayerCount).Select(i => ReadLayer(i, shape))];
        checkpoint.CheckAllUsed(name => name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal) || (configuration.TiedHead && name == "lm_head.weight"));
        Model = new()
        {
            Architecture = modelType,
            VocabularySize = vocabulary,
            ContextLength = context,
            PromptLength = context,
            StoredPrecision = TensorFormat.NameOf(checkpoint.MainType),
            ParameterCount = checkpoint.ParameterCount,
            Precision = ComputeFormats.NameOf(format),
            WeightBytes = _weights.HeldBytes,
        };
    }

    /// <inheritdoc/>
    public override ModelDescription Model { get; }

    /// <inheritdoc/>
    public override int ActivationsPerToken => 3 * _configuration.HiddenSize + 2 * (_configuration.HeadCount + _configuration.KeyValueHeadCount) * _configuration.HeadSize
        + 4 * _configuration.IntermediateSize;

    /// <inheritdoc/>
    public override KvCache Cache { get; }

    /// <inheritdoc/>
    public override void Forward(ReadOnlySpan<BatchRow> rows, Span<float> logits)
    {
        if (_rowByRow && rows.Length > 1)
        {
            ForwardSingly(rows, logits);
            return;
        }
        _batch.Fill(rows, Model.VocabularySize);
        int tokens = _batch.TokenCount, hidden = _configuration.HiddenSize;
        Memory<float> state = _scratch.Take("state", tokens * hidden);
        Memory<float> normed = _scratch.Take("normed", tokens * hidden), change = _scratch.Take("change", tokens * hidden);
        for (int token = 0; token < tokens; token++)
            _embeddings.ReadRow(_batch.TokenIds[token], state.Span.Slice(token * hidden, hidden));
        _rotary.Prepare(_batch.Positions);
        foreach (Layer layer in _layers)
        {
            layer.AttentionNorm.Apply(state.Span, tokens, normed.Span, _compute.Path);
            layer.Attention.Apply(normed, _batch, change, _rotary, _scratch, _compute);
            ElementKernels.Add(_compute.Path, state.Span, change.Span);
            layer.FeedForwardNorm.Apply(state.Span, tokens, normed.Span, _compute.Path);
            layer.FeedForward.Apply(normed, tokens, change, _scratch, _compute);
            ElementKernels.Add(_compute.Path, state.Span, change.Span);
        }
        Head.Write(_batch, state.Span, hidden, _finalNorm, 1, _head, logits, _scratch, _compute);
    }

    /// <inheritdoc/>
    public override void Dispose() => _checkpoint.Dispose();

    // GGUF files store what the frequencies are divided by, where a model scales them by bands.
    private RotaryConfiguration ReadRotary()
    {
        const string Name = "rope_freqs.weight";
        if (!_checkpoint.Has(Name))
            return _configuration.Rotary;
        StoredTensor stored = _checkpoint.Get(Name, _configuration.HeadSize / 2);
        float[] factors = stored.ToArray();
        return Array.TrueForAll(factors, factor => factor > 0 && float.IsFinite(factor)) ? _configuration.Rotary with { Factors = factors }
            : throw new InferenceException(InferenceFailure.CorruptModel, $"'{stored.File.Path}': the tensor '{Name}' has a factor that is no number above 0.") { File = stored.File.Path, Tensor = Name };
    }

    private Layer ReadLayer(int index, AttentionShape shape)
    {
        string name = $"model.layers.{index}";
        DecoderConfiguration c = _configuration;
        int hidden = c.HiddenSize, inner = c.IntermediateSize, queries = c.HeadCount * c.HeadSize, keys = c.KeyValueHeadCount * c.HeadSize;
        return new(
            Norm.Read(_weights, $"{name}.input_layernorm", hidden, c.NormEpsilon),
            new SelfAttention(shape, Cache.SlotOf(index), c.Windows[index],
                _weights.Stack(hidden, c.InputBias, ($"{name}.self_attn.q_proj", queries), ($"{name}.self_attn.k_proj", keys), ($"{name}.self_attn.v_proj", keys)),
                _weights.Linear($"{name}.self_attn.o_proj", hidden, queries, c.OutputBias)),
            Norm.Read(_weights, $"{name}.post_attention_layernorm", hidden, c.NormEpsilon),
            new FeedForward(c.Activation,
                _weights.Stack(hidden, c.FeedForwardBias, ($"{name}.mlp.gate_proj", inner), ($"{name}.mlp.up_proj", inner)), gated: true,
                _weights.Linear($"{name}.mlp.down_proj", hidden, inner, c.FeedForwardBias)));
    }

    private sealed record Layer(Norm AttentionNorm, SelfAttention Attention, Norm FeedForwardNorm, FeedForward FeedForward);
}
