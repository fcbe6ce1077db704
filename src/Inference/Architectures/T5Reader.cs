using LlmService.Inference.Blocks;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Architectures;

/// <summary>T5 v1.0 and v1.1 (FLAN), mT5, UMT5. Scores are not scaled; a bias by distance stands for positions.</summary>
/// <param name="configuration">Sizes and switches.</param>
/// <param name="checkpoint">The stored tensors.</param>
/// <param name="weights">Reads them in the format that is computed in.</param>
/// <param name="cache">Where the decoder's layers are: self-attention, then cross-attention.</param>
internal sealed class T5Reader(T5Configuration configuration, Checkpoint checkpoint, WeightReader weights, KvCache? cache)
{
    private int Hidden => configuration.ModelSize;

    private int Inner => configuration.HeadCount * configuration.HeadSize;

    /// <summary>Both halves.</summary>
    public EncoderDecoderParts Parts()
    {
        // Newer files say that the head is tied and not scaled, and store the untied one of v1.1 all the same.
        bool usesTable = configuration.TiedHead && !checkpoint.HasOwnHead && (configuration.ScaledHead || !checkpoint.Has("lm_head.weight"));
        StoredTensor table = Table();
        Linear head = weights.Head(usesTable ? table : checkpoint.Get("lm_head.weight", configuration.VocabularySize, Hidden));
        return new(Encoder(table), EncoderNorm(), new(new(weights.Table(table)), Layers("decoder", configuration.DecoderLayers, DecoderParts), []),
            // A tied head expects its input scaled by d_model^-0.5 (mesh-tensorflow's shared embeddings).
            new(head) { Norm = Norm("decoder.final_layer_norm"), InputScale = configuration.ScaledHead ? 1 / MathF.Sqrt(Hidden) : 1 });
    }

    /// <summary>The encoder alone.</summary>
    public Stack Encoder() => Encoder(Table());

    public Norm EncoderNorm() => Norm("encoder.final_layer_norm");

    // Older files store the shared table once more for each stack, and a bias in the cross-attention that the reference does not use.
    public bool IsHarmless(string name) =>
        name is "encoder.embed_tokens.weight" or "decoder.embed_tokens.weight" or "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
        || (configuration.TiedHead && name == "lm_head.weight");

    private StoredTensor Table()
    {
        string[] names = ["shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"];
        return checkpoint.Get(names.FirstOrDefault(checkpoint.Has) ?? names[0], configuration.VocabularySize, Hidden);
    }

    private Stack Encoder(StoredTensor table)
    {
        StoredTensor own = checkpoint.HasEncoderTable ? checkpoint.Get("encoder.embed_tokens.weight", configuration.VocabularySize, Hidden) : table;
        return new(new(weights.Table(own)), Layers("encoder", configuration.EncoderLayers, EncoderParts), []);
    }

    private List<Layer> Layers(string stack, int count, Func<int, AttentionShape, Sublayer[]> parts)
    {
        AttentionShape? shared = configuration.BiasInEveryLayer ? null : Shape(Bias(stack, 0));
        return [.. Enumerable.Range(0, count).Select(i => new Layer(parts(i, shared ?? Shape(Bias(stack, i))), isParallel: false, 1))];
    }

    private Sublayer[] EncoderParts(int index, AttentionShape shape)
    {
        string attention = $"encoder.block.{index}.layer.0", feedForward = $"encoder.block.{index}.layer.1";
        return [new(Attention($"{attention}.SelfAttention", shape, default), LayerNorm(attention)), new(FeedForward(feedForward), LayerNorm(feedForward))];
    }

    private Sublayer[] DecoderParts(int index, AttentionShape shape)
    {
        string self = $"decoder.block.{index}.layer.0", cross = $"decoder.block.{index}.layer.1", feedForward = $"decoder.block.{index}.layer.2";
        CrossAttention memory = new(Shape(null), cache!.SlotOf(configuration.DecoderLayers + index), Projections($"{cross}.EncDecAttention", "q"),
            Projections($"{cross}.EncDecAttention", "k", "v"), weights.Linear($"{cross}.EncDecAttention.o", Hidden, Inner));
        return [new(Attention($"{self}.SelfAttention", shape, cache.SlotOf(index)), LayerNorm(self)), new(memory, LayerNorm(cross)), new(FeedForward(feedForward), LayerNorm(feedForward))];
    }

    private Attention Attention(string name, AttentionShape shape, CacheSlot slot) => new(shape, slot, 0, Projections(name, "q", "k", "v"), weights.Linear($"{name}.o", Hidden, Inner));

    private AttentionShape Shape(RelativeBias? bias) => new(configuration.HeadCount, configuration.HeadCount, configuration.HeadSize, 1, bias);

    private RelativeBias Bias(string stack, int layer) => new(
        checkpoint.Get($"{stack}.block.{layer}.layer.0.SelfAttention.relative_attention_bias.weight", configuration.Buckets, configuration.HeadCount),
        configuration.Buckets, configuration.MaxDistance, bidirectional: stack == "encoder");

    private Norm LayerNorm(string layer) => Norm($"{layer}.layer_norm");

    private Norm Norm(string name) => weights.Norm(name, Hidden, NormKind.Rms, configuration.NormEpsilon);

    private Linear Projections(string attention, params ReadOnlySpan<string> names)
    {
        List<(string, int)> parts = [];
        foreach (string name in names)
            parts.Add(($"{attention}.{name}", Inner));
        return weights.Stack(Hidden, bias: false, [.. parts]);
    }

    private FeedForward FeedForward(string layer)
    {
        string name = $"{layer}.DenseReluDense";
        int inner = configuration.FeedForwardSize;
        Linear input = configuration.Gated ? weights.Stack(Hidden, bias: false, ($"{name}.wi_0", inner), ($"{name}.wi_1", inner)) : weights.Linear($"{name}.wi", inner, Hidden);
        return new(configuration.Activation, input, configuration.Gated, weights.Linear($"{name}.wo", Hidden, inner));
    }
}
