using LlmService.Inference.Blocks;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Architectures;

/// <summary>Builds the blocks of a decoder-only model out of its tensors.</summary>
/// <param name="configuration">Sizes, switches and names.</param>
/// <param name="checkpoint">The stored tensors.</param>
/// <param name="weights">Reads them in the format that is computed in.</param>
/// <param name="slots">Where each layer is in the cache.</param>
internal sealed class DecoderReader(DecoderConfiguration configuration, Checkpoint checkpoint, WeightReader weights, Func<int, CacheSlot> slots)
{
    private readonly Rotaries _rotaries = new(configuration.Latent?.RotarySize ?? configuration.HeadSize);
    private readonly ExpertReader? _experts = configuration.Experts is { } experts ? new(experts, configuration, checkpoint, weights) : null;

    private readonly RotaryConfiguration?[] _rotary = WithFactors(configuration, checkpoint);

    private DecoderNames Names => configuration.Names;

    private int Hidden => configuration.HiddenSize;

    private int QueryWidth => configuration.HeadCount * configuration.HeadSize;

    private int KeyWidth => configuration.KeyValueHeadCount * configuration.HeadSize;

    /// <summary>The table of embeddings; some tied checkpoints store it under the name of the head.</summary>
    public StoredTensor Table()
    {
        string embeddings = $"{Names.Embeddings}.weight", head = $"{Names.Head}.weight";
        string name = configuration.TiedHead && !checkpoint.Has(embeddings) && checkpoint.Has(head) ? head : embeddings;
        return checkpoint.Get(name, configuration.VocabularySize, configuration.EmbeddingWidth ?? Hidden);
    }

    public Stack Stack(StoredTensor table)
    {
        Embedding embedding = new(weights.Table(table))
        {
            Scale = configuration.EmbeddingScale,
            Projection = configuration.EmbeddingWidth is { } width ? weights.Linear(Names.ProjectionIn, Hidden, width) : null,
            Positions = configuration.LearnedPositions is { } positions ? weights.Table(checkpoint.Get($"{Names.Positions}.weight", positions + configuration.PositionOffset, Hidden)) : null,
            PositionOffset = configuration.PositionOffset,
            Norm = configuration.NormsEmbeddings ? Norm(Names.EmbeddingNorm) : null,
        };
        List<Layer> layers = [.. Enumerable.Range(0, configuration.LayerCount).Select(Layer)];
        return new(embedding, layers, _rotaries.All);
    }

    /// <summary>The final norm and the head, which may be the table.</summary>
    public Head Head(StoredTensor table)
    {
        bool usesTable = configuration.TiedHead && !checkpoint.HasOwnHead;
        float[]? bias = configuration.HeadBias ? weights.Vector($"{Names.Head}.bias", configuration.VocabularySize) : null;
        return new(weights.Head(usesTable ? table : checkpoint.Get($"{Names.Head}.weight", configuration.VocabularySize, configuration.EmbeddingWidth ?? Hidden), bias))
        {
            Norm = FinalNorm(),
            Projection = configuration.EmbeddingWidth is { } width ? weights.Linear(Names.ProjectionOut, width, Hidden) : null,
            Scale = configuration.LogitScale,
            Cap = configuration.LogitCap,
        };
    }

    /// <summary>Tensors that may be there and are not needed: a head that is the table, layers that only draft, buffers that are computed.</summary>
    public bool IsHarmless(string name) =>
        (configuration.TiedHead && name == $"{Names.Head}.weight")
        || Enumerable.Range(configuration.LayerCount, configuration.DraftLayers).Any(layer => name.StartsWith($"{Names.Layers}{layer}.", StringComparison.Ordinal))
        || Names.Buffers.Any(buffer => name.EndsWith($".{buffer}", StringComparison.Ordinal));

    public Norm? FinalNorm() => configuration.HasFinalNorm ? Norm(Names.FinalNorm) : null;

    // GGUF files store what the frequencies are divided by, where a model scales them by bands, or by factors for short and long sequences.
    private static RotaryConfiguration?[] WithFactors(DecoderConfiguration configuration, Checkpoint checkpoint)
    {
        const string Bands = "rope_freqs.weight", Short = "rope_factors_short.weight", Long = "rope_factors_long.weight";
        if (checkpoint.Has(Bands))
            return Changed(configuration, rotary => rotary with { Factors = Factors(checkpoint, Bands, configuration.HeadSize / 2) });
        if (!checkpoint.Has(Long))
            return [.. configuration.Rotary];
        return Changed(configuration, rotary =>
        {
            int pairs = ((rotary.Dimensions ?? configuration.HeadSize) + 1) / 2;
            float[] shortFactors = Factors(checkpoint, Short, pairs), longFactors = Factors(checkpoint, Long, pairs);
            return rotary.Scaling is LongRopeScaling scaling ? rotary with { Scaling = scaling with { ShortFactors = shortFactors, LongFactors = longFactors } } : rotary;
        });
    }

    private static RotaryConfiguration?[] Changed(DecoderConfiguration configuration, Func<RotaryConfiguration, RotaryConfiguration> change)
    {
        Dictionary<RotaryConfiguration, RotaryConfiguration> made = configuration.Rotary.OfType<RotaryConfiguration>().Distinct().ToDictionary(rotary => rotary, change);
        return [.. configuration.Rotary.Select(rotary => rotary is null ? null : made[rotary])];
    }

    private static float[] Factors(Checkpoint checkpoint, string name, int pairs)
    {
        StoredTensor stored = checkpoint.Get(name, pairs);
        float[] factors = stored.ToArray();
        return Array.TrueForAll(factors, factor => factor > 0 && float.IsFinite(factor)) ? factors
            : throw new InferenceException(InferenceFailure.CorruptModel, $"'{stored.File.Path}': the tensor '{name}' has a factor that is no number above 0.") { File = stored.File.Path, Tensor = name };
    }

    private Norm Norm(string name) => weights.Norm(name, Hidden, configuration.Norm, configuration.NormEpsilon);

    private Layer Layer(int index)
    {
        string prefix = $"{Names.Layers}{index}.";
        Norm first = Norm(prefix + Names.AttentionNorm);
        IBlock attention = configuration.IsConvolution.Count > 0 && configuration.IsConvolution[index] ? Convolution(prefix, slots(index))
            : configuration.Latent is { } latent ? Latent(latent, prefix, index) : Attention(prefix, index);
        Norm second = configuration.Shape == LayerShape.Parallel ? first : Norm(prefix + Names.FeedForwardNorm);
        IBlock feedForward = _experts is not null && configuration.Experts!.IsSparse[index] ? _experts.Read(prefix) : FeedForward(prefix);
        Sublayer[] parts = configuration.Shape switch
        {
            LayerShape.NormBefore or LayerShape.Parallel or LayerShape.ParallelTwoNorms => [new(attention, Before: first), new(feedForward, Before: second)],
            LayerShape.NormFirst => [new(attention, First: first), new(feedForward, First: second)],
            LayerShape.NormAfter => [new(attention, After: first), new(feedForward, After: second)],
            LayerShape.NormAround => [new(attention, first, Norm(prefix + Names.AttentionOuterNorm)), new(feedForward, second, Norm(prefix + Names.FeedForwardOuterNorm))],
            LayerShape.NormJoined => [new(attention, Joined: first), new(feedForward, Joined: second)],
            _ => throw new InvalidOperationException($"unknown shape {configuration.Shape}"),
        };
        return new(parts, configuration.Shape is LayerShape.Parallel or LayerShape.ParallelTwoNorms, configuration.ResidualScale);
    }

    private Attention Attention(string prefix, int index) => new(Shape(prefix, index), slots(index), configuration.Windows[index], Input(prefix), Linear(prefix + Names.Output, Hidden, QueryWidth, configuration.OutputBias))
    {
        Rotary = _rotaries.Of(_rotary[index]),
        HeadNorm = HeadNorm(prefix),
        InputLimit = configuration.InputLimit,
    };

    private AttentionShape Shape(string prefix, int index)
    {
        float scale = configuration.AttentionScale ?? 1 / MathF.Sqrt(configuration.HeadSize);
        if (configuration.DividesScoresByLayer)
            scale /= index + 1;
        Alibi? alibi = configuration.Alibi is { } slopes ? new(slopes, configuration.HeadCount, scale) : null;
        return new(configuration.HeadCount, configuration.KeyValueHeadCount, configuration.HeadSize, scale, alibi)
        {
            ScoreCap = configuration.ScoreCap,
            Sinks = configuration.HasSinks ? weights.Vector($"{prefix}self_attn.sinks", configuration.HeadCount) : null,
        };
    }

    private Linear Input(string prefix)
    {
        bool bias = configuration.InputBias;
        if (configuration.Fused == FusedOrder.Separate)
            return weights.Stack(Hidden, bias, (prefix + Names.Query, QueryWidth), (prefix + Names.Key, KeyWidth), (prefix + Names.Value, KeyWidth));
        int[]? order = configuration.Fused == FusedOrder.ByHead ? Unweave() : null;
        return Linear(prefix + Names.QueryKeyValue, QueryWidth + 2 * KeyWidth, Hidden, bias, order);
    }

    /// <summary>All queries, all keys, all values out of rows that lie by key/value head.</summary>
    private int[] Unweave()
    {
        int size = configuration.HeadSize, group = configuration.HeadCount / configuration.KeyValueHeadCount;
        IEnumerable<int> Rows(int first, int heads) => Enumerable.Range(0, configuration.KeyValueHeadCount)
            .SelectMany(head => Enumerable.Range((head * (group + 2) + first) * size, heads * size));
        return [.. Rows(0, group), .. Rows(group, 1), .. Rows(group + 1, 1)];
    }

    private Linear Linear(string name, int outputs, int inputs, bool bias, int[]? order = null)
    {
        StoredTensor tensor = configuration.IsTransposed && !checkpoint.IsGguf ? checkpoint.Get($"{name}.weight", inputs, outputs).Transposed() : checkpoint.Get($"{name}.weight", outputs, inputs);
        float[]? biases = bias ? weights.Vector($"{name}.bias", outputs) : null;
        return order is null ? weights.Projection([tensor], biases)
            : weights.Projection([tensor.InOrder(order)], biases is null ? null : [.. order.Select(row => biases[row])]);
    }

    private FeedForward FeedForward(string prefix)
    {
        int inner = configuration.IntermediateSize;
        bool bias = configuration.FeedForwardBias;
        Linear input = !configuration.IsGated ? Linear(prefix + Names.Up, inner, Hidden, bias)
            : Names.GateUp.Length > 0 ? Linear(prefix + Names.GateUp, 2 * inner, Hidden, bias)
            : weights.Stack(Hidden, bias, (prefix + Names.Gate, inner), (prefix + Names.Up, inner));
        return new(configuration.Activation, input, configuration.IsGated, Linear(prefix + Names.Down, Hidden, inner, bias));
    }

    private HeadNorm? HeadNorm(string prefix)
    {
        int size = configuration.HeadSize, queries = configuration.HeadCount, keys = configuration.KeyValueHeadCount;
        string query = prefix + Names.QueryNorm, key = prefix + Names.KeyNorm;
        Norm Of(string name, int width, NormKind kind) => weights.Norm(name, width, kind, configuration.NormEpsilon);
        Norm[] Named(string name, int heads) => [.. Enumerable.Range(0, heads).Select(head => Of($"{name}.norms.{head}", size, NormKind.LayerWithoutBias))];
        Norm[] InOne(string name, int heads)
        {
            float[] all = checkpoint.Get($"{name}.weight", heads, size).ToArray();
            return [.. Enumerable.Range(0, heads).Select(head => new Norm(size, isCentred: true, all[(head * size)..((head + 1) * size)], null, configuration.NormEpsilon))];
        }
        return configuration.HeadNorm switch
        {
            HeadNormKind.None => null,
            HeadNormKind.Rms or HeadNormKind.RmsAfterRotation => new([Of(query, size, NormKind.Rms)], [Of(key, size, NormKind.Rms)], configuration.HeadNorm == HeadNormKind.RmsAfterRotation),
            HeadNormKind.RmsPlusOne => new([Of(query, size, NormKind.RmsPlusOne)], [Of(key, size, NormKind.RmsPlusOne)], false),
            HeadNormKind.Layer => new([Of(query, size, NormKind.Layer)], [Of(key, size, NormKind.Layer)], false),
            HeadNormKind.RmsOfAllHeads => new([Of(query, queries * size, NormKind.Rms)], [Of(key, keys * size, NormKind.Rms)], false),
            HeadNormKind.LayerOfHeads => new(InOne(query, queries), InOne(key, keys), false),
            HeadNormKind.LayerOfNamedHeads => new(Named(query, queries), Named(key, keys), false),
            _ => throw new InvalidOperationException($"unknown norm {configuration.HeadNorm}"),
        };
    }

    private ShortConvolution Convolution(string prefix, CacheSlot slot)
    {
        int length = configuration.ConvolutionLength;
        string name = prefix + Names.Convolution;
        // Stored as [channels, 1, length].
        float[] stored = checkpoint.Get($"{name}.conv.weight", Hidden, 1, length).ToArray(), kernel = new float[stored.Length];
        for (int channel = 0; channel < Hidden; channel++)
        {
            for (int at = 0; at < length; at++)
                kernel[at * Hidden + channel] = stored[channel * length + at];
        }
        bool bias = configuration.ConvolutionBias;
        return new(slot, weights.Linear($"{name}.in_proj", 3 * Hidden, Hidden, bias), kernel, bias ? weights.Vector($"{name}.conv.bias", Hidden) : null, weights.Linear($"{name}.out_proj", Hidden, Hidden, bias));
    }

    private LatentAttention Latent(LatentConfiguration latent, string prefix, int index)
    {
        prefix += "self_attn.";
        int heads = configuration.HeadCount, rank = latent.KeyValueRank, queries = heads * latent.KeySize;
        bool bias = configuration.InputBias;
        Norm Of(string name, int size) => weights.Norm(prefix + name, size, NormKind.Rms, 1e-6f);
        LatentProjections projections = new(
            latent.QueryRank is { } down ? weights.Linear($"{prefix}q_a_proj", down, Hidden, bias) : null,
            latent.QueryRank is { } normed ? Of("q_a_layernorm", normed) : null,
            latent.QueryRank is { } up ? weights.Linear($"{prefix}q_b_proj", queries, up) : weights.Linear($"{prefix}q_proj", queries, Hidden),
            weights.Linear($"{prefix}kv_a_proj_with_mqa", rank + latent.RotarySize, Hidden, bias), Of("kv_a_layernorm", rank),
            weights.Linear($"{prefix}kv_b_proj", heads * (latent.PlainSize + latent.ValueSize), rank),
            weights.Linear($"{prefix}o_proj", Hidden, heads * latent.ValueSize, bias));
        return new(latent, Shape(prefix, index), slots(index), _rotaries.Of(_rotary[index])!, projections);
    }
}
