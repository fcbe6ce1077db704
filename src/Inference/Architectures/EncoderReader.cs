using LlmService.Inference.Blocks;
using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Architectures;

/// <summary>The built parts of an encoder.</summary>
/// <param name="Stack">Embeddings and layers.</param>
/// <param name="FinalNorm">Norm of the last states; null for none.</param>
/// <param name="Pooler">Makes one vector of the first token's state, through a tanh; null for none.</param>
/// <param name="Classifier">Scores texts; null for none.</param>
internal sealed record EncoderParts(Stack Stack, Norm? FinalNorm, Linear? Pooler, Classifier? Classifier);

/// <summary>Builds the blocks of an encoder out of its tensors.</summary>
/// <param name="configuration">Sizes, switches and names.</param>
/// <param name="checkpoint">The stored tensors.</param>
/// <param name="weights">Reads them in the format that is computed in.</param>
internal sealed class EncoderReader(EncoderConfiguration configuration, Checkpoint checkpoint, WeightReader weights)
{
    private const int RelativeMaxDistance = 128;

    private readonly Rotaries _rotaries = new(configuration.HiddenSize / configuration.HeadCount);

    private EncoderNames Names => configuration.Names;

    private int Hidden => configuration.HiddenSize;

    private int HeadSize => configuration.HiddenSize / configuration.HeadCount;

    /// <summary>Everything.</summary>
    public EncoderParts Parts()
    {
        Stack stack = configuration.Modern is { } modern ? Modern(modern) : configuration.Disentangled is { } disentangled ? Disentangled(disentangled) : Plain();
        Norm? final = configuration.Modern is { } normed ? ModernNorm("final_norm", normed) : null;
        // Files of models without a pooler leave it out, and texts are pooled otherwise.
        bool hasPooler = Names.Pooler.Length > 0 && (checkpoint.IsOutline || checkpoint.Has($"{Names.Pooler}.weight"));
        Linear? pooler = hasPooler ? weights.Linear(Names.Pooler, Hidden, Hidden, bias: true) : null;
        return new(stack, final, pooler, configuration.Classifier is { } classifier ? Classifier(classifier, pooler) : null);
    }

    /// <summary>Tensors that may be there and are not needed.</summary>
    public bool IsHarmless(string name) =>
        name.EndsWith("embeddings.position_ids", StringComparison.Ordinal) || (configuration.PositionRows is null && name == $"{Names.Positions}.weight") || name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal)
        || Names.OtherHeads.Any(head => name.StartsWith(head, StringComparison.Ordinal)) || (configuration.Disentangled is not null && name.StartsWith("pooler.", StringComparison.Ordinal));

    private Classifier Classifier(ClassifierConfiguration classifier, Linear? pooler)
    {
        Linear? dense = classifier.Dense.Length > 0 ? weights.Linear(classifier.Dense, Hidden, Hidden, classifier.DenseBias) : pooler;
        return new(dense, classifier.Activation, weights.Exact(classifier.Output, classifier.Labels, Hidden, bias: true), classifier.UsesMean)
        {
            Norm = classifier.Norm.Length > 0 ? weights.Norm(classifier.Norm, Hidden, configuration.Modern?.NormBias == true ? NormKind.Layer : NormKind.LayerWithoutBias, configuration.NormEpsilon) : null,
        };
    }

    private Stack Plain()
    {
        RelativeBias? bias = configuration.RelativeBuckets == 0 ? null
            : new(checkpoint.Get("encoder.relative_attention_bias.weight", configuration.RelativeBuckets, configuration.HeadCount), configuration.RelativeBuckets, RelativeMaxDistance, bidirectional: true);
        AttentionShape shape = new(configuration.HeadCount, configuration.HeadCount, HeadSize, 1 / MathF.Sqrt(HeadSize), bias);
        return new(Embedding(), Layers(layer => new Attention(shape, default, 0,
            weights.Stack(Hidden, bias: true, (layer + Names.Query, Hidden), (layer + Names.Key, Hidden), (layer + Names.Value, Hidden)), weights.Linear(layer + Names.Output, Hidden, Hidden, bias: true))), []);
    }

    private Stack Disentangled(DisentangledConfiguration disentangled)
    {
        float[] shared = disentangled.Rows == DistanceRows.OfHeads ? [] : Distances(disentangled);
        return new(Embedding(), Layers(layer =>
        {
            Linear Of(string name) => weights.Linear(layer + name, Hidden, Hidden, bias: true);
            Linear query = Of(Names.Query), key = Of(Names.Key);
            PositionRows positions = disentangled.Rows switch
            {
                DistanceRows.Shared => new(shared, key, query),
                DistanceRows.Projected => new(shared, disentangled.UsesQueries ? Of(Names.PositionKey) : null, disentangled.UsesKeys ? Of(Names.PositionQuery) : null),
                DistanceRows.OfHeads => new(DistancesOfHeads(layer, disentangled), null, null),
                _ => throw new InvalidOperationException($"unknown rows {disentangled.Rows}"),
            };
            return new DisentangledAttention(disentangled, configuration.HeadCount, HeadSize, new(query, key, Of(Names.Value), Of(Names.Output)), positions);
        }), []);
    }

    /// <summary>From the farthest key behind a query to the farthest before it; the row in front of them stands for a distance that no text has.</summary>
    private float[] DistancesOfHeads(string layer, DisentangledConfiguration disentangled)
    {
        StoredTensor table = checkpoint.Get($"{layer}{Names.Distances}.weight", 2L * disentangled.Span - 1, HeadSize);
        return checkpoint.IsOutline ? [] : [.. new float[HeadSize], .. table.ToArray()];
    }

    /// <summary>Row by row in floats: every layer projects them anew, once and for all.</summary>
    private float[] Distances(DisentangledConfiguration disentangled)
    {
        StoredTensor table = checkpoint.Get("encoder.rel_embeddings.weight", 2L * disentangled.Span, Hidden);
        Norm? norm = disentangled.NormsPositions ? weights.Norm("encoder.LayerNorm", Hidden, NormKind.Layer, configuration.NormEpsilon) : null;
        if (checkpoint.IsOutline)
            return [];
        float[] rows = table.ToArray();
        norm?.Apply(rows, 2 * disentangled.Span, rows, weights.Compute);
        return rows;
    }

    private List<Layer> Layers(Func<string, IBlock> attention)
    {
        int groups = configuration.SharedGroups ?? configuration.LayerCount;
        Layer[][] made = [.. Enumerable.Range(0, groups).Select(group => Names.Inner.Length == 0 ? [Layer($"{Names.Layers}{group}.", attention)]
            : Enumerable.Range(0, configuration.GroupSize).Select(inner => Layer($"{Names.Layers}{group}.{Names.Inner}{inner}.", attention)).ToArray())];
        return [.. Enumerable.Range(0, configuration.LayerCount).SelectMany(i => made[(int)((long)i * groups / configuration.LayerCount)])];
    }

    private Layer Layer(string name, Func<string, IBlock> attention) =>
        new([new(attention(name), Joined: Norm(name + Names.AttentionNorm)), new(FeedForward(name), Joined: Norm(name + Names.FeedForwardNorm))], isParallel: false, 1);

    private FeedForward FeedForward(string layer) => new(configuration.Activation,
        weights.Linear(layer + Names.Up, configuration.IntermediateSize, Hidden, bias: true), gated: false, weights.Linear(layer + Names.Down, Hidden, configuration.IntermediateSize, bias: true));

    private Embedding Embedding()
    {
        int width = configuration.EmbeddingWidth ?? Hidden;
        return new(weights.Table(checkpoint.Get($"{Names.Words}.weight", configuration.VocabularySize, width)))
        {
            Positions = configuration.PositionRows is { } rows ? weights.Table(checkpoint.Get($"{Names.Positions}.weight", rows, width)) : null,
            PositionOffset = configuration.PaddingTokenId + 1 ?? 0,
            PaddingTokenId = configuration.PaddingTokenId,
            Types = configuration.TypeCount > 0 ? weights.Table(checkpoint.Get($"{Names.Types}.weight", configuration.TypeCount, width)) : null,
            Norm = weights.Norm(Names.EmbeddingNorm, width, NormKind.Layer, configuration.NormEpsilon),
            Projection = configuration.EmbeddingWidth is not null ? weights.Linear(Names.EmbeddingProjection, Hidden, width, bias: true) : null,
            ProjectsLast = true,
        };
    }

    private Stack Modern(ModernConfiguration modern)
    {
        Embedding embedding = new(weights.Table(checkpoint.Get("embeddings.tok_embeddings.weight", configuration.VocabularySize, Hidden))) { Norm = ModernNorm("embeddings.norm", modern) };
        AttentionShape shape = new(configuration.HeadCount, configuration.HeadCount, HeadSize, 1 / MathF.Sqrt(HeadSize));
        List<Layer> layers = [.. Enumerable.Range(0, configuration.LayerCount).Select(i =>
        {
            string layer = $"layers.{i}.";
            int inner = configuration.IntermediateSize;
            Attention attention = new(shape, default, modern.Windows[i], weights.Linear($"{layer}attn.Wqkv", 3 * Hidden, Hidden, modern.AttentionBias), weights.Linear($"{layer}attn.Wo", Hidden, Hidden, modern.AttentionBias))
            {
                Rotary = _rotaries.Of(modern.Rotary[i]),
            };
            FeedForward feedForward = new(configuration.Activation, weights.Linear($"{layer}mlp.Wi", 2 * inner, Hidden, modern.FeedForwardBias), gated: true, weights.Linear($"{layer}mlp.Wo", Hidden, inner, modern.FeedForwardBias));
            // The embeddings have just been normed.
            return new Layer([new(attention, Before: i == 0 ? null : ModernNorm($"{layer}attn_norm", modern)), new(feedForward, Before: ModernNorm($"{layer}mlp_norm", modern))], isParallel: false, 1);
        })];
        return new(embedding, layers, _rotaries.All);
    }

    private Norm ModernNorm(string name, ModernConfiguration modern) => weights.Norm(name, Hidden, modern.NormBias ? NormKind.Layer : NormKind.LayerWithoutBias, configuration.NormEpsilon);

    private Norm Norm(string name) => weights.Norm(name, Hidden, NormKind.Layer, configuration.NormEpsilon);
}
