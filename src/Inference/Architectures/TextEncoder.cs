using LlmService.Inference.Blocks;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Architectures;

/// <summary>Turns whole texts into states: encoders, the encoder half of a T5, and decoders that serve as embedders. Used by one thread at a time.</summary>
internal sealed class TextEncoder : IDisposable
{
    private readonly Checkpoint _checkpoint;
    private readonly EncoderParts _parts;
    private readonly EncoderPass _pass;
    private readonly int _widest;
    private readonly int _types;

    private TextEncoder(Checkpoint checkpoint, EncoderParts parts, EncoderPass pass, int widest, int types, int hidden, ModelDescription model)
    {
        (_checkpoint, _parts, _pass, _widest, _types, HiddenSize, Model) = (checkpoint, parts, pass, widest, types, hidden, model);
    }

    /// <summary>What the model is.</summary>
    public ModelDescription Model { get; }

    /// <summary>Width of a state.</summary>
    public int HiddenSize { get; }

    /// <summary>Whether the model makes one vector of the first token's state.</summary>
    public bool HasPooler => _parts.Pooler is not null;

    /// <summary>How many scores a text has; 0 where the model gives vectors.</summary>
    public int Labels => _parts.Classifier?.Labels ?? 0;

    /// <summary>How many types of tokens there are; 0 where they have none.</summary>
    public int TypeCount => _types;

    /// <summary>Builds an encoder over weights, which it owns.</summary>
    /// <exception cref="InferenceException">CorruptModel, UnsupportedModelType: the architecture gives no states of texts.</exception>
    public static TextEncoder Build(ModelConfiguration configuration, Checkpoint checkpoint, EngineOptions options)
    {
        WeightReader weights = WeightReader.Of(checkpoint, options);
        return configuration.Encoder is { } encoder ? OfEncoder(encoder, checkpoint, weights, options)
            : configuration.T5 is { } t5 ? OfT5(t5, checkpoint, weights, options)
            : configuration.Decoder is { } decoder ? OfDecoder(decoder, configuration.ModelType, checkpoint, weights, options)
            : throw new InferenceException(InferenceFailure.UnsupportedModelType, $"A model of the type '{configuration.ModelType}' gives no embeddings.") { Field = "model_type" };
    }

    /// <summary>The last states of all tokens of some texts, end to end, [tokens, hidden]; valid until the next call.</summary>
    /// <param name="texts">The ids of each text, at least one.</param>
    /// <param name="types">The types of their tokens; null for 0 everywhere.</param>
    public Memory<float> Encode(IReadOnlyList<int[]> texts, IReadOnlyList<int[]>? types = null)
    {
        int[] ids = [.. texts.SelectMany(text => text)];
        int unknown = Array.FindIndex(ids, id => (uint)id >= (uint)Model.VocabularySize);
        if (unknown >= 0)
            throw new ArgumentException($"The token id {ids[unknown]} is outside of the vocabulary of {Model.VocabularySize}.", nameof(texts));
        _pass.Fill([.. texts.Select(text => text.Length)], _widest, types is null ? default : [.. types.SelectMany(type => type)]);
        Memory<float> state = _parts.Stack.Apply(ids, _pass);
        _parts.FinalNorm?.Apply(state.Span, ids.Length, state.Span, _pass.Path);
        return state;
    }

    /// <summary>Makes one vector of the first token's state.</summary>
    /// <param name="state">[hidden].</param>
    /// <returns>[hidden]; valid until the next call.</returns>
    /// <exception cref="InvalidOperationException">The model has no pooler.</exception>
    public Memory<float> Pool(Memory<float> state)
    {
        Linear pooler = _parts.Pooler ?? throw new InvalidOperationException("The model has no pooler.");
        Memory<float> pooled = _pass.Take("pooled", HiddenSize);
        pooler.Apply(state, 1, pooled, _pass.Compute);
        ElementKernels.Activate(_pass.Path, Activation.Tanh, pooled.Span);
        return pooled;
    }

    /// <summary>The raw scores of a text.</summary>
    /// <param name="states">The states of its tokens.</param>
    /// <exception cref="InvalidOperationException">The model gives no scores.</exception>
    public float[] Score(ReadOnlySpan<float> states)
    {
        float[] scores = new float[Labels];
        (_parts.Classifier ?? throw new InvalidOperationException("The model gives no scores.")).Score(states, HiddenSize, scores, _pass);
        return scores;
    }

    /// <inheritdoc/>
    public void Dispose() => _checkpoint.Dispose();

    private static TextEncoder OfEncoder(EncoderConfiguration configuration, Checkpoint checkpoint, WeightReader weights, EngineOptions options)
    {
        checkpoint.OptionalPrefix = configuration.Names.Prefix;
        EncoderReader reader = new(configuration, checkpoint, weights);
        EncoderParts parts = reader.Parts();
        checkpoint.CheckAllUsed(reader.IsHarmless);
        return new(checkpoint, parts, new(weights.Compute), 2 * configuration.HiddenSize, configuration.TypeCount, configuration.HiddenSize,
            weights.Describe(configuration.ModelType, configuration.VocabularySize, Math.Min(options.MaxModelLength ?? configuration.ContextLength, configuration.ContextLength)));
    }

    private static TextEncoder OfT5(T5Configuration configuration, Checkpoint checkpoint, WeightReader weights, EngineOptions options)
    {
        T5Reader reader = new(configuration, checkpoint, weights, null);
        EncoderParts parts = new(reader.Encoder(), reader.EncoderNorm(), null, null);
        checkpoint.CheckAllUsed(name => reader.IsHarmless(name) || name.StartsWith("decoder.", StringComparison.Ordinal) || name == "lm_head.weight");
        return new(checkpoint, parts, new(weights.Compute), 2 * configuration.HeadCount * configuration.HeadSize, 0, configuration.ModelSize,
            weights.Describe(configuration.ModelType, configuration.VocabularySize, options.MaxModelLength ?? configuration.PromptLength));
    }

    private static TextEncoder OfDecoder(DecoderConfiguration configuration, string type, Checkpoint checkpoint, WeightReader weights, EngineOptions options)
    {
        if (configuration.IsConvolution.Contains(true))
            throw new InferenceException(InferenceFailure.UnsupportedModelType, $"A model of the type '{type}' gives no embeddings: its convolutions keep a state from token to token.") { Field = "model_type" };
        checkpoint.OptionalPrefix = configuration.Names.Prefix;
        DecoderReader reader = new(configuration, checkpoint, weights, _ => default);
        Stack stack = reader.Stack(reader.Table());
        EncoderParts parts = new(stack, reader.FinalNorm(), null, null);
        checkpoint.CheckAllUsed(name => reader.IsHarmless(name) || name.StartsWith(configuration.Names.Head + ".", StringComparison.Ordinal));
        return new(checkpoint, parts, new(weights.Compute) { IsCausal = true }, 2 * configuration.KeyValueHeadCount * configuration.HeadSize, 0, configuration.HiddenSize,
            weights.Describe(type, configuration.VocabularySize, Math.Min(options.MaxModelLength ?? configuration.ContextLength, configuration.LearnedPositions ?? int.MaxValue)));
    }
}
