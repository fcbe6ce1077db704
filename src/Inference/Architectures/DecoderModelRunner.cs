using LlmService.Inference.Blocks;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Architectures;

/// <summary>Decoder-only models: embeddings, layers over the sequence's own past, a head.</summary>
internal sealed class DecoderModelRunner : ModelRunner
{
    private readonly DecoderConfiguration _configuration;
    private readonly Checkpoint _checkpoint;
    private readonly Stack _stack;
    private readonly Head _head;
    private readonly DecoderPass _pass;
    private readonly bool _rowByRow;

    // Of the rows that were run last; empty where their logits are made already.
    private Memory<float> _state;

    public DecoderModelRunner(DecoderConfiguration configuration, string modelType, Checkpoint checkpoint, EngineOptions options)
    {
        _configuration = configuration;
        _checkpoint = checkpoint;
        _rowByRow = options.ExactOnnxArithmetic;
        WeightReader weights = WeightReader.Of(checkpoint, options);
        _pass = new(weights.Compute);
        int context = Math.Min(options.MaxModelLength ?? configuration.ContextLength, configuration.LearnedPositions ?? int.MaxValue);
        Rotation = RotationLimit.Of(configuration.Rotary);
        Cache = CacheSizing.Create(configuration.CacheLayers, options, context, 0, Rotation is not null);
        checkpoint.OptionalPrefix = configuration.Names.Prefix;
        DecoderReader reader = new(configuration, checkpoint, weights, Cache.SlotOf);
        StoredTensor table = reader.Table();
        _stack = reader.Stack(table);
        _head = reader.Head(table);
        checkpoint.CheckAllUsed(reader.IsHarmless);
        Model = weights.Describe(modelType, configuration.VocabularySize, context);
    }

    /// <inheritdoc/>
    public override ModelDescription Model { get; }

    /// <inheritdoc/>
    public override long ActivationsPerToken => 3L * _configuration.HiddenSize + 2L * (_configuration.HeadCount + _configuration.KeyValueHeadCount) * _configuration.HeadSize;

    /// <inheritdoc/>
    public override long ConstantActivations => 4L * FeedForward.MostTogether * _configuration.IntermediateSize;

    /// <inheritdoc/>
    public override KvCache Cache { get; }

    /// <inheritdoc/>
    public override RotationLimit? Rotation { get; }

    /// <inheritdoc/>
    public override void Forward(ReadOnlySpan<BatchRow> rows, Memory<float> logits)
    {
        if (_rowByRow && rows.Length > 1)
        {
            ForwardSingly(rows, logits);
            return;
        }
        Run(rows);
        WriteLogits(0, _pass.Batch.LogitsTokens.Count, logits);
    }

    /// <inheritdoc/>
    public override void Run(ReadOnlySpan<BatchRow> rows)
    {
        if (_rowByRow && rows.Length > 1)
        {
            base.Run(rows);
            _state = default;
            return;
        }
        _pass.Fill(rows, Model.VocabularySize);
        _state = _stack.Apply(_pass.Batch.TokenIds, _pass);
    }

    /// <inheritdoc/>
    public override void WriteLogits(int first, int count, Memory<float> logits)
    {
        if (_state.IsEmpty)
            base.WriteLogits(first, count, logits);
        else
            _head.Write(_pass.Batch, first, count, _state.Span, logits, _pass);
    }

    /// <inheritdoc/>
    public override long ReleaseBuffers() => _pass.ReleaseBuffers();

    /// <inheritdoc/>
    public override void Dispose() => _checkpoint.Dispose();
}
