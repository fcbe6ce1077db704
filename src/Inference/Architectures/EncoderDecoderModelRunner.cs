using LlmService.Inference.Blocks;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Architectures;

/// <summary>The built parts of an encoder-decoder.</summary>
/// <param name="Encoder">Sees the whole prompt.</param>
/// <param name="EncoderNorm">Norm of its output; null for none.</param>
/// <param name="Decoder">Sees its past and the encoder's output.</param>
/// <param name="Head">Its end.</param>
internal sealed record EncoderDecoderParts(Stack Encoder, Norm? EncoderNorm, Stack Decoder, Head Head);

/// <summary>Encoder-decoders: an encoder that sees everything, a decoder that sees its past and the encoder's output.</summary>
internal sealed class EncoderDecoderModelRunner : StackModelRunner
{
    private readonly Checkpoint _checkpoint;
    private readonly EncoderDecoderParts _parts;
    private readonly CrossAttention[] _cross;
    private readonly EncoderPass _encoderPass;
    private readonly int _encoderWidth;

    // The state of the input that is being encoded.
    private Memory<float> _encoding;

    private EncoderDecoderModelRunner(Checkpoint checkpoint, EncoderDecoderParts parts, KvCache cache, EncoderPass encoderPass, ModelDescription model, int encoderWidth, int activations, long constantActivations, bool rowByRow)
        : base(rowByRow)
    {
        _checkpoint = checkpoint;
        _parts = parts;
        _cross = [.. parts.Decoder.Layers.SelectMany(layer => layer.Parts).Select(part => part.Block).OfType<CrossAttention>()];
        _encoderPass = encoderPass;
        DecoderPass = new(encoderPass.Compute);
        _encoderWidth = encoderWidth;
        Cache = cache;
        Model = model;
        ActivationsPerToken = activations;
        ConstantActivations = constantActivations;
    }

    /// <inheritdoc/>
    public override ModelDescription Model { get; }

    /// <inheritdoc/>
    public override long ActivationsPerToken { get; }

    /// <inheritdoc/>
    public override long ConstantActivations { get; }

    /// <inheritdoc/>
    public override KvCache Cache { get; }

    /// <summary>Builds a T5.</summary>
    public static EncoderDecoderModelRunner Of(T5Configuration configuration, Checkpoint checkpoint, EngineOptions options)
    {
        int prompt = options.MaxModelLength ?? configuration.PromptLength, answer = options.MaxModelLength ?? configuration.AnswerLength;
        KvCache cache = CacheSizing.Create(configuration.CacheLayers, options, answer, prompt);
        WeightReader weights = WeightReader.Of(checkpoint, options);
        T5Reader reader = new(configuration, checkpoint, weights, cache);
        EncoderDecoderParts parts = reader.Parts();
        checkpoint.CheckAllUsed(reader.IsHarmless);
        ModelDescription model = weights.Describe(configuration.ModelType, configuration.VocabularySize, answer) with
        {
            IsEncoderDecoder = true,
            DecoderStartTokenId = configuration.DecoderStartTokenId,
            PromptLength = prompt,
            // The graphs of the two halves each hold the same table.
            ParameterCount = checkpoint.ParameterCount - (checkpoint.HasEncoderTable ? (long)configuration.VocabularySize * configuration.ModelSize : 0),
        };
        int inner = configuration.HeadCount * configuration.HeadSize;
        int activations = 6 * configuration.ModelSize + 9 * inner;
        EncoderPass pass = new(weights.Compute, CacheSizing.IsHalf(options, configuration.HeadSize));
        long constant = FeedForward.BufferFloats(configuration.FeedForwardSize, configuration.Gated);
        return new(checkpoint, parts, cache, pass, model, 2 * inner, activations, constant, options.ExactOnnxArithmetic);
    }

    /// <summary>Builds a BART or one of its like.</summary>
    public static EncoderDecoderModelRunner Of(BartConfiguration configuration, Checkpoint checkpoint, EngineOptions options)
    {
        int length = Math.Min(options.MaxModelLength ?? configuration.ContextLength, configuration.ContextLength), hidden = configuration.HiddenSize;
        KvCache cache = CacheSizing.Create(configuration.CacheLayers, options, length, length);
        WeightReader weights = WeightReader.Of(checkpoint, options);
        checkpoint.OptionalPrefix = "model.";
        EncoderDecoderParts parts = new BartReader(configuration, checkpoint, weights, cache).Parts();
        checkpoint.CheckAllUsed(BartReader.IsHarmless);
        ModelDescription model = weights.Describe(configuration.ModelType, configuration.VocabularySize, length) with { IsEncoderDecoder = true, DecoderStartTokenId = configuration.DecoderStartTokenId };
        int activations = 15 * hidden;
        EncoderPass pass = new(weights.Compute, CacheSizing.IsHalf(options, hidden / configuration.EncoderHeads));
        long constant = FeedForward.BufferFloats(Math.Max(configuration.EncoderFeedForwardSize, configuration.DecoderFeedForwardSize), isGated: false);
        return new(checkpoint, parts, cache, pass, model, 2 * hidden, activations, constant, options.ExactOnnxArithmetic);
    }

    /// <inheritdoc/>
    public override void Encode(ReadOnlySpan<EncoderRow> rows)
    {
        foreach (EncoderRow row in rows)
        {
            for (int part = 0; !EncodePart(row, part); part++)
            {
            }
        }
    }

    /// <inheritdoc/>
    /// <remarks>The embeddings, each layer, and at the end what the decoder's layers keep of it.</remarks>
    public override bool EncodePart(EncoderRow row, int part)
    {
        int tokens = row.TokenIds.Length;
        if (part == 0)
        {
            _encoderPass.Fill([tokens], _encoderWidth);
            _encoding = _parts.Encoder.Begin(row.TokenIds.ToArray(), _encoderPass);
            return false;
        }
        if (part <= _parts.Encoder.Layers.Count)
        {
            _parts.Encoder.Layers[part - 1].Apply(_encoding, _encoderPass);
            return false;
        }
        _parts.EncoderNorm?.Apply(_encoding, tokens, _encoding, _encoderPass.Compute);
        row.Cache.PrepareCross(tokens);
        foreach (CrossAttention attention in _cross)
            attention.Write(_encoding, tokens, row.Cache, _encoderPass);
        return true;
    }

    /// <inheritdoc/>
    public override long ReleaseBuffers()
    {
        _encoding = default;
        return _encoderPass.ReleaseBuffers() + base.ReleaseBuffers();
    }

    /// <inheritdoc/>
    protected override Stack Decoder => _parts.Decoder;

    /// <inheritdoc/>
    protected override Head Head => _parts.Head;

    /// <inheritdoc/>
    protected override DecoderPass DecoderPass { get; }

    /// <inheritdoc/>
    public override void Dispose() => _checkpoint.Dispose();

    /// <summary>The encoder's last hidden state, [tokens, width]; valid until the next call.</summary>
    internal Memory<float> EncodeRow(ReadOnlySpan<int> ids)
    {
        _encoderPass.Fill([ids.Length], _encoderWidth);
        Memory<float> state = _parts.Encoder.Apply(ids.ToArray(), _encoderPass);
        _parts.EncoderNorm?.Apply(state, ids.Length, state, _encoderPass.Compute);
        return state;
    }
}
