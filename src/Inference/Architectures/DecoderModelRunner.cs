using LlmService.Inference.Blocks;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Architectures;

/// <summary>Decoder-only models: embeddings, layers over the sequence's own past, a head.</summary>
internal sealed class DecoderModelRunner : StackModelRunner
{
    private readonly DecoderConfiguration _configuration;
    private readonly Checkpoint _checkpoint;

    public DecoderModelRunner(DecoderConfiguration configuration, string modelType, Checkpoint checkpoint, EngineOptions options)
        : base(options.ExactOnnxArithmetic)
    {
        _configuration = configuration;
        _checkpoint = checkpoint;
        WeightReader weights = WeightReader.Of(checkpoint, options);
        DecoderPass = new(weights.Compute);
        int context = Math.Min(options.MaxModelLength ?? configuration.ContextLength, configuration.LearnedPositions ?? int.MaxValue);
        Rotation = RotationLimit.Of(configuration.Rotary);
        Cache = CacheSizing.Create(configuration.CacheLayers, options, context, 0, Rotation is not null);
        checkpoint.OptionalPrefix = configuration.Names.Prefix;
        DecoderReader reader = new(configuration, checkpoint, weights, Cache.SlotOf);
        StoredTensor table = reader.Table();
        Decoder = reader.Stack(table);
        Head = reader.Head(table);
        checkpoint.CheckAllUsed(reader.IsHarmless);
        Model = weights.Describe(modelType, configuration.VocabularySize, context);
    }

    /// <inheritdoc/>
    public override ModelDescription Model { get; }

    /// <inheritdoc/>
    public override long ActivationsPerToken => 3L * _configuration.HiddenSize + 2L * (_configuration.HeadCount + _configuration.KeyValueHeadCount) * _configuration.HeadSize;

    /// <inheritdoc/>
    public override long ConstantActivations => FeedForward.BufferFloats(_configuration.IntermediateSize, isGated: true);

    /// <inheritdoc/>
    public override KvCache Cache { get; }

    /// <inheritdoc/>
    public override RotationLimit? Rotation { get; }

    /// <inheritdoc/>
    protected override Stack Decoder { get; }

    /// <inheritdoc/>
    protected override Head Head { get; }

    /// <inheritdoc/>
    protected override DecoderPass DecoderPass { get; }

    /// <inheritdoc/>
    public override void Dispose() => _checkpoint.Dispose();
}
