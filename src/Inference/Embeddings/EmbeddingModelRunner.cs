using LlmService.Inference.Architectures;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Embeddings;

/// <summary>A model that turns texts into vectors or scores, where others generate. It has no cache and no decoder.</summary>
internal sealed class EmbeddingModelRunner : ModelRunner
{
    public EmbeddingModelRunner(ModelConfiguration configuration, Checkpoint checkpoint, EngineOptions options)
    {
        Sentences = configuration.Sentences!;
        Encoder = TextEncoder.Build(configuration, checkpoint, options);
        Head = new VectorHead(Encoder.Labels > 0 ? Sentences with { Modules = [] } : Sentences, Encoder.HiddenSize, options, checkpoint.IsOutline);
        Model = Encoder.Model with
        {
            EmbeddingWidth = Encoder.Labels > 0 ? 0 : Head.Width,
            ScoreCount = Encoder.Labels,
            ParameterCount = Encoder.Model.ParameterCount + Head.ParameterCount,
            WeightBytes = Encoder.Model.WeightBytes + sizeof(float) * Head.ParameterCount,
        };
        Cache = new KvCache([], 0);
    }

    /// <summary>Makes states of texts.</summary>
    public TextEncoder Encoder { get; }

    /// <summary>Makes vectors of states.</summary>
    public VectorHead Head { get; }

    /// <summary>How texts are prepared.</summary>
    public SentenceConfiguration Sentences { get; }

    /// <inheritdoc/>
    public override ModelDescription Model { get; }

    /// <inheritdoc/>
    public override KvCache Cache { get; }

    /// <inheritdoc/>
    public override long ActivationsPerToken => Encoder.ActivationsPerToken;

    /// <inheritdoc/>
    public override long ConstantActivations => Encoder.ConstantActivations;

    /// <inheritdoc/>
    public override void Forward(ReadOnlySpan<BatchRow> rows, Memory<float> logits) => throw new NotSupportedException($"The architecture '{Model.Architecture}' generates no text here.");

    /// <inheritdoc/>
    public override long ReleaseBuffers() => Encoder.ReleaseBuffers();

    /// <inheritdoc/>
    public override void Dispose()
    {
        Encoder.Dispose();
        Head.Dispose();
    }
}
