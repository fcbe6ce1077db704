using LlmService.Inference.Architectures;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Embeddings;

/// <summary>A model that turns texts into vectors or scores, where others generate. It has no cache and no decoder.</summary>
internal sealed class EmbeddingModelRunner : ModelRunner
{
    private readonly ModelConfiguration _configuration;

    public EmbeddingModelRunner(ModelConfiguration configuration, Checkpoint checkpoint, EngineOptions options)
    {
        _configuration = configuration;
        Encoder = TextEncoder.Build(configuration, checkpoint, options);
        Model = Encoder.Model with { EmbeddingWidth = Encoder.HiddenSize, ScoreCount = Encoder.Labels };
        Cache = new KvCache([], 0);
    }

    public TextEncoder Encoder { get; }

    public PoolingConfiguration Pooling => _configuration.Pooling!;

    /// <inheritdoc/>
    public override ModelDescription Model { get; }

    /// <inheritdoc/>
    public override KvCache Cache { get; }

    /// <inheritdoc/>
    public override int ActivationsPerToken => 12 * Encoder.HiddenSize + 2 * (_configuration.Encoder?.IntermediateSize ?? 4 * Encoder.HiddenSize);

    /// <inheritdoc/>
    public override void Forward(ReadOnlySpan<BatchRow> rows, Span<float> logits) => throw new NotSupportedException($"The architecture '{Model.Architecture}' generates no text here.");

    /// <inheritdoc/>
    public override void Dispose() => Encoder.Dispose();
}
