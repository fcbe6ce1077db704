namespace LlmService.Inference.Configuration;

/// <summary>The sizes and switches of an encoder that turns texts into vectors or scores. What is not set is as BERT has it.</summary>
internal sealed record EncoderConfiguration
{
    /// <summary><c>model_type</c>.</summary>
    public required string ModelType { get; init; }
    public required int VocabularySize { get; init; }
    public required int HiddenSize { get; init; }
    public required int IntermediateSize { get; init; }
    public required int LayerCount { get; init; }
    public required int HeadCount { get; init; }

    /// <summary>The longest text in tokens.</summary>
    public required int ContextLength { get; init; }
    public required float NormEpsilon { get; init; }
    public required Activation Activation { get; init; }
    public required EncoderNames Names { get; init; }

    /// <summary>Width of the tables of embeddings, which are then projected; null for the width of the layers.</summary>
    public int? EmbeddingWidth { get; init; }

    /// <summary>Rows of the table of positions; null for none.</summary>
    public int? PositionRows { get; init; }

    /// <summary>The token from whose id positions are counted, over tokens that are not it; null where they count from 0.</summary>
    public int? PaddingTokenId { get; init; }

    /// <summary>How many types of tokens there are; 0 for no such table.</summary>
    public int TypeCount { get; init; }

    /// <summary>Into how many groups the layers fall that share their weights; null where each has its own.</summary>
    public int? SharedGroups { get; init; }

    /// <summary>How many layers a group has, which all run at each of its turns.</summary>
    public int GroupSize { get; init; } = 1;

    /// <summary>Buckets of a bias by distance that all layers share; 0 for none.</summary>
    public int RelativeBuckets { get; init; }

    /// <summary>Attention that sees distances (DeBERTa, BERT with relative positions); null for ordinary.</summary>
    public DisentangledConfiguration? Disentangled { get; init; }

    /// <summary>What ModernBERT has otherwise; null for others.</summary>
    public ModernConfiguration? Modern { get; init; }

    /// <summary>What the head of a model that scores texts is; null where it gives vectors.</summary>
    public ClassifierConfiguration? Classifier { get; init; }
}

/// <summary>Attention that tells what is said from where it stands (He et al. 2020).</summary>
/// <param name="Span">Distances on each side that have a row.</param>
/// <param name="Buckets">Distances beyond half of this many share rows; 0 where none do.</param>
/// <param name="MaxDistance">The distance from which on all share the last row.</param>
/// <param name="UsesQueries">Whether content looks at positions (<c>c2p</c>).</param>
/// <param name="UsesKeys">Whether positions look at content (<c>p2c</c>).</param>
/// <param name="NormsPositions">Whether the rows are normed.</param>
/// <param name="Rows">Where the rows are.</param>
internal sealed record DisentangledConfiguration(int Span, int Buckets, int MaxDistance, bool UsesQueries, bool UsesKeys, bool NormsPositions, DistanceRows Rows)
{
    /// <summary>How many terms a score is scaled for.</summary>
    public int Terms => Rows == DistanceRows.OfHeads ? 1 : 1 + (UsesQueries ? 1 : 0) + (UsesKeys ? 1 : 0);
}

/// <summary>Where the rows of distances are, and how heads come by theirs.</summary>
internal enum DistanceRows
{
    /// <summary>One table for all layers, projected as the content is.</summary>
    Shared,

    /// <summary>The same, with projections of their own.</summary>
    Projected,

    /// <summary>A table in each layer, which all heads take as it is (BERT).</summary>
    OfHeads,
}

/// <summary>By what ModernBERT differs: fused projections, norms before the blocks, turning heads.</summary>
/// <param name="AttentionBias">Whether the projections of attention have biases.</param>
/// <param name="FeedForwardBias">Whether those of the feed-forward block do.</param>
/// <param name="NormBias">Whether norms do.</param>
/// <param name="Windows">How many positions each layer sees, half on each side; 0 sees all.</param>
/// <param name="Rotary">How each layer turns queries and keys.</param>
internal sealed record ModernConfiguration(bool AttentionBias, bool FeedForwardBias, bool NormBias, IReadOnlyList<int> Windows, IReadOnlyList<RotaryConfiguration> Rotary);

/// <summary>The head that scores texts.</summary>
/// <param name="Labels">How many scores a text has.</param>
/// <param name="Dense">A map before the scores, of the first token's state; empty for none.</param>
/// <param name="DenseBias">Whether that has a bias.</param>
/// <param name="Norm">A norm behind it; empty for none.</param>
/// <param name="Activation">Its activation.</param>
/// <param name="Output">The map to the scores.</param>
/// <param name="UsesMean">Whether the mean of all states is scored in place of the first one.</param>
internal sealed record ClassifierConfiguration(int Labels, string Dense, bool DenseBias, string Norm, Activation Activation, string Output, bool UsesMean = false);

/// <summary>What an encoder calls its tensors. Those of a layer stand behind its prefix.</summary>
internal sealed record EncoderNames
{
    /// <summary>A prefix that some files have before all names but the head's, and others not.</summary>
    public required string Prefix { get; init; }
    public string Words { get; init; } = "embeddings.word_embeddings";
    public string Positions { get; init; } = "embeddings.position_embeddings";
    public string Types { get; init; } = "embeddings.token_type_embeddings";
    public string EmbeddingNorm { get; init; } = "embeddings.LayerNorm";
    public string EmbeddingProjection { get; init; } = "";

    /// <summary>The layers, before their number; the group's number where they share weights, and <see cref="Inner"/> behind it.</summary>
    public string Layers { get; init; } = "encoder.layer.";

    /// <summary>The layers of a group, before their number.</summary>
    public string Inner { get; init; } = "";
    public string Query { get; init; } = "attention.self.query";
    public string Key { get; init; } = "attention.self.key";
    public string Value { get; init; } = "attention.self.value";

    /// <summary>Projections of distances as keys and as queries, where they have projections of their own.</summary>
    public string PositionKey { get; init; } = "attention.self.pos_key_proj";
    public string PositionQuery { get; init; } = "attention.self.pos_query_proj";

    /// <summary>The table of distances of a layer, where it has one.</summary>
    public string Distances { get; init; } = "";
    public string Output { get; init; } = "attention.output.dense";
    public string AttentionNorm { get; init; } = "attention.output.LayerNorm";
    public string Up { get; init; } = "intermediate.dense";
    public string Down { get; init; } = "output.dense";
    public string FeedForwardNorm { get; init; } = "output.LayerNorm";

    /// <summary>A map of the first token's state, through a tanh; empty for none.</summary>
    public string Pooler { get; init; } = "";

    /// <summary>What heads of other tasks begin with, which are left out.</summary>
    public IReadOnlyList<string> OtherHeads { get; init; } = ["cls.", "lm_head.", "qa_outputs."];
}
