namespace LlmService.Inference.Embeddings;

/// <summary>A text, or two that are read together, as a model reads it.</summary>
public sealed record EncoderText
{
    /// <summary>The ids.</summary>
    public required IReadOnlyList<int> Ids { get; init; }

    /// <summary>How many tokens the text had before it was cut, of a very long text not all; as many as it has where it was not.</summary>
    public required int WholeTokens { get; init; }

    /// <summary>What messages call it, at the beginning of a sentence; null for its place among the texts of its request.</summary>
    public string? Name { get; init; }

    /// <summary>Whether the text is so long that it was not tokenized: it has no ids.</summary>
    internal bool IsFarTooLong { get; init; }

    /// <summary>The types of the tokens; null for 0 everywhere.</summary>
    internal IReadOnlyList<int>? Types { get; init; }

    /// <summary>How many of the first tokens are those of a prompt.</summary>
    internal int PromptTokens { get; init; }

    /// <summary>Whether the text was cut.</summary>
    public bool IsCut => WholeTokens > Ids.Count;
}
