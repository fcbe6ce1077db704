namespace LlmService.Inference.Architectures;

/// <summary>Which layers of a model slide when config.json has a sliding window and no list of layer types.</summary>
internal enum WindowRule
{
    /// <summary>The architecture has no window; the field means nothing.</summary>
    Never,

    /// <summary>Every layer, whenever a window is given.</summary>
    EveryLayer,

    /// <summary>The layers from <c>max_window_layers</c> on, and only with <c>use_sliding_window</c>.</summary>
    UpperLayersOnRequest,
}

/// <summary>By what a decoder-only architecture of the Llama kind differs from its siblings.</summary>
internal sealed record DecoderTraits
{
    public required string ModelType { get; init; }

    /// <summary>Query, key and value projections always have a bias.</summary>
    public bool AlwaysInputBias { get; init; }

    /// <summary><c>attention_bias</c> and <c>mlp_bias</c> of config.json count.</summary>
    public bool OptionalBiases { get; init; }

    /// <summary>Key/value heads where config.json is silent; null for as many as query heads.</summary>
    public int? DefaultKeyValueHeads { get; init; }

    public WindowRule Window { get; init; }
}
