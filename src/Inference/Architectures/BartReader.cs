using LlmService.Inference.Blocks;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Architectures;

/// <summary>BART (Lewis et al. 2019) and its like: biases everywhere, positions in the embeddings, one table for both halves and the head.</summary>
/// <param name="configuration">Sizes and switches.</param>
/// <param name="checkpoint">The stored tensors.</param>
/// <param name="weights">Reads them in the format that is computed in.</param>
/// <param name="cache">Where the decoder's layers are: self-attention, then cross-attention.</param>
internal sealed class BartReader(BartConfiguration configuration, Checkpoint checkpoint, WeightReader weights, KvCache cache)
{
    private const float Epsilon = 1e-5f;
    private const string Shared = "model.shared.weight";
    private const string OwnHead = "lm_head.weight";
    private const string LogitsBias = "final_logits_bias";

    private int Hidden => configuration.HiddenSize;

    /// <summary>Both halves.</summary>
    public EncoderDecoderParts Parts()
    {
        string[] names = [Shared, "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", .. configuration.TiedHead ? [OwnHead] : Array.Empty<string>()];
        StoredTensor table = checkpoint.Get(names.FirstOrDefault(checkpoint.Has) ?? Shared, configuration.VocabularySize, Hidden);
        float[]? bias = configuration.HasLogitsBias && (checkpoint.IsOutline || checkpoint.Has(LogitsBias)) ? checkpoint.Get(LogitsBias, 1, configuration.VocabularySize).ToArray() : null;
        return new(
            new(Embedding("model.encoder", table), [.. Enumerable.Range(0, configuration.EncoderLayers).Select(EncoderLayer)], []), EndNorm("model.encoder"),
            new(Embedding("model.decoder", table), [.. Enumerable.Range(0, configuration.DecoderLayers).Select(DecoderLayer)], []),
            new(weights.Head(configuration.TiedHead ? table : checkpoint.Get(OwnHead, configuration.VocabularySize, Hidden), bias)) { Norm = EndNorm("model.decoder") });
    }

    // Files hold the shared table once more for each half and the head, positions that are computed, and old ones a number of their layout.
    public static bool IsHarmless(string name) => name.EndsWith("embed_tokens.weight", StringComparison.Ordinal) || name.EndsWith("embed_positions.weight", StringComparison.Ordinal)
        || name.EndsWith("embed_positions.weights", StringComparison.Ordinal) || name.EndsWith("coder.version", StringComparison.Ordinal) || name == OwnHead;

    private Embedding Embedding(string half, StoredTensor table)
    {
        bool isCounted = configuration.Positions == PositionKind.CountedSinusoid;
        return new(weights.Table(table))
        {
            Scale = configuration.EmbeddingScale,
            Positions = Positions($"{half}.embed_positions.weight"),
            PositionOffset = isCounted ? configuration.PaddingTokenId + 1 : configuration.PositionOffset,
            PaddingTokenId = isCounted ? configuration.PaddingTokenId : null,
            Norm = configuration.NormsEmbeddings ? Norm($"{half}.layernorm_embedding") : null,
        };
    }

    private WeightMatrix Positions(string name)
    {
        int rows = configuration.ContextLength + configuration.PositionOffset;
        return configuration.Positions switch
        {
            PositionKind.Learned => weights.Table(checkpoint.Get(name, rows, Hidden)),
            // Where a file stores them, the reference takes those.
            PositionKind.Sinusoid when checkpoint.Has(name) => weights.Table(checkpoint.Get(name, rows, Hidden)),
            PositionKind.Sinusoid => new SinusoidTable(rows, Hidden, endsAtLowest: false),
            PositionKind.CountedSinusoid => new SinusoidTable(rows + configuration.PaddingTokenId + 1, Hidden, endsAtLowest: true) { ZeroRow = configuration.PaddingTokenId },
            _ => throw new InvalidOperationException($"unknown positions {configuration.Positions}"),
        };
    }

    private Layer EncoderLayer(int index)
    {
        string layer = $"model.encoder.layers.{index}";
        return new([Part(layer, "self_attn_layer_norm", Attention($"{layer}.self_attn", configuration.EncoderHeads, default)),
            Part(layer, "final_layer_norm", FeedForward(layer, configuration.EncoderFeedForwardSize))], isParallel: false, 1);
    }

    private Layer DecoderLayer(int index)
    {
        string layer = $"model.decoder.layers.{index}", cross = $"{layer}.encoder_attn";
        CrossAttention memory = new(Shape(configuration.DecoderHeads), cache.SlotOf(configuration.DecoderLayers + index), Linear($"{cross}.q_proj"),
            weights.Stack(Hidden, bias: true, ($"{cross}.k_proj", Hidden), ($"{cross}.v_proj", Hidden)), Linear($"{cross}.out_proj"));
        return new([Part(layer, "self_attn_layer_norm", Attention($"{layer}.self_attn", configuration.DecoderHeads, cache.SlotOf(index))), Part(layer, "encoder_attn_layer_norm", memory),
            Part(layer, "final_layer_norm", FeedForward(layer, configuration.DecoderFeedForwardSize))], isParallel: false, 1);
    }

    private Sublayer Part(string layer, string norm, IBlock block) =>
        configuration.NormsBefore ? new(block, Before: Norm($"{layer}.{norm}")) : new(block, Joined: Norm($"{layer}.{norm}"));

    private Attention Attention(string name, int heads, CacheSlot slot) => new(Shape(heads), slot, 0,
        weights.Stack(Hidden, bias: true, ($"{name}.q_proj", Hidden), ($"{name}.k_proj", Hidden), ($"{name}.v_proj", Hidden)), Linear($"{name}.out_proj"));

    private AttentionShape Shape(int heads) => new(heads, heads, Hidden / heads, 1 / MathF.Sqrt(Hidden / heads));

    private FeedForward FeedForward(string layer, int inner) =>
        new(configuration.Activation, weights.Linear($"{layer}.fc1", inner, Hidden, bias: true), gated: false, weights.Linear($"{layer}.fc2", Hidden, inner, bias: true));

    private Linear Linear(string name) => weights.Linear(name, Hidden, Hidden, bias: true);

    private Norm? EndNorm(string half) => configuration.NormsBefore ? Norm($"{half}.layer_norm") : null;

    private Norm Norm(string name) => weights.Norm(name, Hidden, NormKind.Layer, Epsilon);
}
