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
    private readonly EncoderSizes _sizes;

    private TextEncoder(Checkpoint checkpoint, EncoderParts parts, EncoderPass pass, EncoderSizes sizes, ModelDescription model)
    {
        (_checkpoint, _parts, _pass, _sizes, Model) = (checkpoint, parts, pass, sizes, model);
    }

    /// <summary>What the model is.</summary>
    public ModelDescription Model { get; }

    /// <summary>Width of a state.</summary>
    public int HiddenSize => _sizes.Hidden;

    /// <summary>Whether the model makes one vector of the first token's state.</summary>
    public bool HasPooler => _parts.Pooler is not null;

    /// <summary>How many scores a text has; 0 where the model gives vectors.</summary>
    public int Labels => _parts.Classifier?.Labels ?? 0;

    /// <summary>How many types of tokens there are; 0 where they have none.</summary>
    public int TypeCount { get; private init; }

    /// <summary>Floats of the buffers of a pass, for each token of it: those of all tokens, and in every thread the scores of up to eight of them.</summary>
    public long ActivationsPerToken => _sizes.PerToken + 8L * _pass.Compute.ThreadCount;

    /// <summary>Gives up the buffers of passes. Between texts only.</summary>
    /// <returns>Their bytes.</returns>
    public long ReleaseBuffers() => _pass.ReleaseBuffers();

    /// <summary>Floats of buffers that are the same for all passes.</summary>
    public long ConstantActivations => _sizes.Constant;

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
    /// <param name="isUnwanted">Asked before each layer: whether to stop, as nobody waits for the result any more; null for never.</param>
    /// <returns>Empty if it was stopped.</returns>
    public Memory<float> Encode(IReadOnlyList<int[]> texts, IReadOnlyList<int[]>? types = null, Func<bool>? isUnwanted = null)
    {
        int[] ids = [.. texts.SelectMany(text => text)];
        int unknown = Array.FindIndex(ids, id => (uint)id >= (uint)Model.VocabularySize);
        if (unknown >= 0)
            throw new ArgumentException($"The token id {ids[unknown]} is outside of the vocabulary of {Model.VocabularySize}.", nameof(texts));
        _pass.Fill([.. texts.Select(text => text.Length)], 2 * _sizes.KeyWidth, types is null ? default : [.. types.SelectMany(type => type)]);
        Memory<float> state = _parts.Stack.Begin(ids, _pass);
        foreach (Layer layer in _parts.Stack.Layers)
        {
            if (isUnwanted?.Invoke() == true)
                return Memory<float>.Empty;
            layer.Apply(state, _pass);
        }
        _parts.FinalNorm?.Apply(state, ids.Length, state, _pass.Compute);
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
        int hidden = configuration.HiddenSize;
        // DeBERTa scores each token against all distances, by its query and by its key; the rows of the distances are projected once for every layer.
        long rows = 2L * (configuration.Disentangled?.Span ?? 0);
        EncoderSizes sizes = new(hidden, hidden, hidden, configuration.IntermediateSize, configuration.Modern is not null)
        {
            Scores = 2 * rows * configuration.HeadCount,
            OtherConstant = rows * hidden * (2L * configuration.LayerCount + 2),
            IsExactOnnx = options.ExactOnnxArithmetic,
        };
        EncoderPass pass = new(weights.Compute, CacheSizing.IsHalf(options, hidden / configuration.HeadCount));
        return new(checkpoint, parts, pass, sizes, weights.Describe(configuration.ModelType, configuration.VocabularySize, Context(options, configuration.ContextLength)))
        {
            TypeCount = configuration.TypeCount,
        };
    }

    private static TextEncoder OfT5(T5Configuration configuration, Checkpoint checkpoint, WeightReader weights, EngineOptions options)
    {
        T5Reader reader = new(configuration, checkpoint, weights, null);
        EncoderParts parts = new(reader.Encoder(), reader.EncoderNorm(), null, null);
        checkpoint.CheckAllUsed(name => reader.IsHarmless(name) || name.StartsWith("decoder.", StringComparison.Ordinal) || name == "lm_head.weight");
        int width = configuration.HeadCount * configuration.HeadSize;
        EncoderPass pass = new(weights.Compute, CacheSizing.IsHalf(options, configuration.HeadSize));
        return new(checkpoint, parts, pass, new(configuration.ModelSize, width, width, configuration.FeedForwardSize, configuration.Gated) { IsExactOnnx = options.ExactOnnxArithmetic },
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
        EncoderSizes sizes = new(configuration.HiddenSize, configuration.HeadCount * configuration.HeadSize, configuration.KeyValueHeadCount * configuration.HeadSize, configuration.IntermediateSize, IsGated: true)
        {
            IsExactOnnx = options.ExactOnnxArithmetic,
        };
        EncoderPass pass = new(weights.Compute, CacheSizing.IsHalf(options, configuration.HeadSize)) { IsCausal = true };
        return new(checkpoint, parts, pass, sizes,
            weights.Describe(type, configuration.VocabularySize, Context(options, Math.Min(configuration.ContextLength, configuration.LearnedPositions ?? int.MaxValue))));
    }

    private static int Context(EngineOptions options, int longest) => Math.Min(options.MaxModelLength ?? longest, longest);
}

/// <summary>How wide the buffers of a pass are.</summary>
/// <param name="Hidden">A state.</param>
/// <param name="QueryWidth">All queries of a token.</param>
/// <param name="KeyWidth">All its keys, and all its values.</param>
/// <param name="Intermediate">The inner state of the feed-forward block.</param>
/// <param name="IsGated">Whether that has a gate beside it.</param>
internal sealed record EncoderSizes(int Hidden, int QueryWidth, int KeyWidth, int Intermediate, bool IsGated)
{
    /// <summary>Scores of a token that are kept beside those of attention.</summary>
    public long Scores { get; init; }

    /// <summary>Whether the inner states of all tokens are there at once, because products quantise their input as a whole.</summary>
    public bool IsExactOnnx { get; init; }

    /// <summary>Floats beside those of the feed-forward block that do not depend on the length of a text.</summary>
    public long OtherConstant { get; init; }

    /// <summary>
    /// Floats for each token: the state, its norm, its change and the sums of them, also before a projection; projections with what comes out of attention, keys and values as they lie in
    /// their blocks, and the rounded input of a product with its scales.
    /// </summary>
    public long PerToken => 5L * Hidden + 2L * QueryWidth + 4L * KeyWidth + 9L * Math.Max(Hidden, QueryWidth) / 16 + Scores + (IsExactOnnx ? FeedForward.FloatsPerToken(Intermediate, IsGated) : 0);

    /// <summary>Floats that do not depend on the length of a text.</summary>
    public long Constant => FeedForward.BufferFloats(Intermediate, IsGated) + OtherConstant;
}
