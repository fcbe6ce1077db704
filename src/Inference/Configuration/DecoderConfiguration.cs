using LlmService.Inference.Execution;

namespace LlmService.Inference.Configuration;

/// <summary>The sizes and switches of a decoder-only model. What is not set is as Llama has it; an architecture states by what it differs.</summary>
internal sealed record DecoderConfiguration
{
    public required int VocabularySize { get; init; }
    public required int HiddenSize { get; init; }
    public required int IntermediateSize { get; init; }
    public required int LayerCount { get; init; }

    /// <summary>How many layers are stored behind the last one that guess further tokens; they are not run.</summary>
    public int DraftLayers { get; init; }
    public required int HeadCount { get; init; }
    public required int KeyValueHeadCount { get; init; }
    public required int HeadSize { get; init; }
    public required int ContextLength { get; init; }

    /// <summary>What the architecture calls its tensors.</summary>
    public DecoderNames Names { get; init; } = new();

    // The embeddings.

    /// <summary>What embeddings are multiplied by.</summary>
    public float EmbeddingScale { get; init; } = 1;

    /// <summary>Width of the embeddings, where they are projected to the width of the layers and back; null where they have it.</summary>
    public int? EmbeddingWidth { get; init; }

    /// <summary>How many learned positions are added to the embeddings; null where positions come otherwise.</summary>
    public int? LearnedPositions { get; init; }

    /// <summary>The row of the first position in the table of learned ones.</summary>
    public int PositionOffset { get; init; }

    /// <summary>Whether the embeddings are normed before the first layer.</summary>
    public bool NormsEmbeddings { get; init; }

    // Norms and residuals.

    public NormKind Norm { get; init; } = NormKind.Rms;
    public required float NormEpsilon { get; init; }
    public LayerShape Shape { get; init; } = LayerShape.NormBefore;

    /// <summary>Whether there is a norm before the head.</summary>
    public bool HasFinalNorm { get; init; } = true;

    /// <summary>What each block's result is multiplied by before it is added.</summary>
    public float ResidualScale { get; init; } = 1;

    // Attention.

    /// <summary>Whether the query, key and value projections have a bias.</summary>
    public bool InputBias { get; init; }

    /// <summary>Whether the output projection of attention has a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>How queries, keys and values lie in one tensor, where they do.</summary>
    public FusedOrder Fused { get; init; } = FusedOrder.Separate;

    /// <summary>What scores are multiplied by; null for 1 / √(head size).</summary>
    public float? AttentionScale { get; init; }

    /// <summary>Whether the scores of a layer are also divided by its number, from 1 on.</summary>
    public bool DividesScoresByLayer { get; init; }

    /// <summary>Beyond this no score grows, by a tanh; 0 for none.</summary>
    public float ScoreCap { get; init; }

    /// <summary>Queries, keys and values are cut to ± this; null for none.</summary>
    public float? InputLimit { get; init; }

    public HeadNormKind HeadNorm { get; init; } = HeadNormKind.None;

    /// <summary>Each head has one more score, which takes its share and gives nothing.</summary>
    public bool HasSinks { get; init; }

    /// <summary>How each layer turns queries and keys; null for a layer that does not.</summary>
    public required IReadOnlyList<RotaryConfiguration?> Rotary { get; init; }

    /// <summary>A bias by distance in place of positions; null for none.</summary>
    public AlibiConfiguration? Alibi { get; init; }

    /// <summary>How many positions each layer sees, the current one included; 0 sees all.</summary>
    public required IReadOnlyList<int> Windows { get; init; }

    /// <summary>Keys and values out of a small shared vector (DeepSeek); null for ordinary ones.</summary>
    public LatentConfiguration? Latent { get; init; }

    /// <summary>Whether the projections and the kernels of convolutions have biases.</summary>
    public bool ConvolutionBias { get; init; }

    /// <summary>Length of the convolutions that stand in the place of attention where <see cref="IsConvolution"/> says so; 0 for none.</summary>
    public int ConvolutionLength { get; init; }

    /// <summary>Which layers have a convolution in the place of attention.</summary>
    public IReadOnlyList<bool> IsConvolution { get; init; } = [];

    // The feed-forward block.

    public required Activation Activation { get; init; }

    /// <summary>Whether the activation multiplies a second projection.</summary>
    public bool IsGated { get; init; } = true;

    /// <summary>Whether the projections of the feed-forward block have a bias.</summary>
    public bool FeedForwardBias { get; init; }

    /// <summary>Several such blocks, of which each token takes a few; null for one.</summary>
    public ExpertConfiguration? Experts { get; init; }

    // Linear maps of GPT-2 are stored along their outputs.
    public bool IsTransposed { get; init; }

    // The head.

    public required bool TiedHead { get; init; }
    public bool HeadBias { get; init; }

    /// <summary>What logits are multiplied by.</summary>
    public float LogitScale { get; init; } = 1;

    /// <summary>Beyond this no logit grows, by a tanh; 0 for none.</summary>
    public float LogitCap { get; init; }

    /// <summary>What each layer keeps in the cache: keys and values, or the state of a convolution.</summary>
    public CacheLayer[] CacheLayers => [.. Enumerable.Range(0, LayerCount).Select(CacheOf)];

    private CacheLayer CacheOf(int layer) =>
        IsConvolution.Count > 0 && IsConvolution[layer] ? new(CacheKind.State, checked(ConvolutionLength * HiddenSize))
        : new(Windows[layer] > 0 ? CacheKind.Sliding : CacheKind.Full, 2 * KeyValueHeadCount * HeadSize, Windows[layer]) { IsSingle = CacheLayer.IsOdd(HeadSize) };
}

/// <summary>What norms do.</summary>
internal enum NormKind
{
    /// <summary>Root mean square, with weights.</summary>
    Rms,

    /// <summary>Root mean square; the weights are stored less 1 (Gemma).</summary>
    RmsPlusOne,

    /// <summary>Mean and variance, with weights and biases.</summary>
    Layer,

    /// <summary>The same; the weights are stored less 1 (Nemotron).</summary>
    LayerPlusOne,

    /// <summary>Mean and variance, with weights only.</summary>
    LayerWithoutBias,

    /// <summary>Mean and variance, nothing else.</summary>
    LayerWithoutWeights,
}

/// <summary>Where norms and residuals are.</summary>
internal enum LayerShape
{
    /// <summary>x += f(norm(x)) for attention, then for feed-forward.</summary>
    NormBefore,

    /// <summary>x = norm(x), then x += f(x).</summary>
    NormFirst,

    /// <summary>x += norm(f(x)).</summary>
    NormAfter,

    /// <summary>x += norm(f(norm(x))).</summary>
    NormAround,

    /// <summary>x = norm(x + f(x)).</summary>
    NormJoined,

    /// <summary>x += attention(norm(x)) + feedForward(norm(x)), with one norm.</summary>
    Parallel,

    /// <summary>The same with a norm each.</summary>
    ParallelTwoNorms,
}

/// <summary>Norms of queries and keys.</summary>
internal enum HeadNormKind
{
    None,

    /// <summary>Root mean square of each head.</summary>
    Rms,

    /// <summary>The same, weights stored less 1.</summary>
    RmsPlusOne,

    /// <summary>Mean and variance of each head, all with the same weights and biases (Phi).</summary>
    Layer,

    /// <summary>Root mean square of each head, after the rotation.</summary>
    RmsAfterRotation,

    /// <summary>Root mean square of all heads together.</summary>
    RmsOfAllHeads,

    /// <summary>Mean and variance of each head, each with weights of its own, in one tensor (Cohere).</summary>
    LayerOfHeads,

    /// <summary>The same, in a tensor for each head (StableLM).</summary>
    LayerOfNamedHeads,
}

/// <summary>How the rows of a tensor with queries, keys and values are ordered.</summary>
internal enum FusedOrder
{
    /// <summary>Three tensors.</summary>
    Separate,

    /// <summary>All queries, all keys, all values.</summary>
    Stacked,

    /// <summary>For each key/value head: its queries, its key, its value.</summary>
    ByHead,
}

/// <summary>A bias that grows with the distance, steeper for each head (Press et al. 2022).</summary>
/// <param name="Steepest">The negative exponent of two of the last head's slope.</param>
/// <param name="Rounds">Falcon's way: rounded to bfloat16, and scaled with the scores.</param>
/// <param name="InterleavesRest">MPT's way with a count of heads that is no power of two: every second slope of the next one comes first.</param>
internal sealed record AlibiConfiguration(float Steepest = 8, bool Rounds = false, bool InterleavesRest = false);

/// <summary>Attention by way of small vectors (DeepSeek-V2/V3).</summary>
/// <param name="QueryRank">Width of the vector that queries are made of; null where they are made at once.</param>
/// <param name="KeyValueRank">Width of the vector that keys and values are made of.</param>
/// <param name="PlainSize">Numbers of a head that do not turn.</param>
/// <param name="RotarySize">Numbers of a head that do; those of the keys are shared by all heads.</param>
/// <param name="ValueSize">Numbers of a head's value.</param>
internal sealed record LatentConfiguration(int? QueryRank, int KeyValueRank, int PlainSize, int RotarySize, int ValueSize)
{
    /// <summary>Numbers of a head's query and key.</summary>
    public int KeySize => PlainSize + RotarySize;
}
