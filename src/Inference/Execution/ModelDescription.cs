namespace LlmService.Inference.Execution;

/// <summary>What a loaded model is.</summary>
public sealed record ModelDescription
{
    /// <summary><c>model_type</c> of config.json.</summary>
    public required string Architecture { get; init; }

    /// <summary>Rows of the output head.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Whether the prompt goes to an encoder and the answer starts from <see cref="DecoderStartTokenId"/>.</summary>
    public bool IsEncoderDecoder { get; init; }

    /// <summary>Width of the vectors that the model makes of texts; 0 for a model that generates.</summary>
    public int EmbeddingWidth { get; init; }

    /// <summary>How many scores the model gives a text; 0 for a model that gives vectors, or generates.</summary>
    public int ScoreCount { get; init; }

    /// <summary>The first decoder input of an encoder-decoder.</summary>
    public int DecoderStartTokenId { get; init; }

    /// <summary>The longest sequence (decoder-only: prompt and answer; encoder-decoder: the answer).</summary>
    public required int ContextLength { get; init; }

    /// <summary>The longest encoder input; equals <see cref="ContextLength"/> for decoder-only models.</summary>
    public required int PromptLength { get; init; }

    /// <summary>The format that the arithmetic runs in, such as <c>f32</c>.</summary>
    public string Precision { get; init; } = "f32";

    /// <summary>The format of the stored weights, such as <c>bf16</c>.</summary>
    public string StoredPrecision { get; init; } = "f32";

    /// <summary>How many weights there are.</summary>
    public long ParameterCount { get; init; }

    /// <summary>Bytes of the weights as they are held.</summary>
    public long WeightBytes { get; init; }
}
