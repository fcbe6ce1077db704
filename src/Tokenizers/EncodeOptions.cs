namespace LlmService.Tokenizers;

/// <summary>What encoding does beside cutting a text into tokens.</summary>
public sealed record EncodeOptions
{
    /// <summary>Whether the special tokens are added that the post-processor adds.</summary>
    public SpecialTokens SpecialTokens { get; init; } = SpecialTokens.Include;

    /// <summary>What the spelling of a special token in a text is: the token, or text like any other.</summary>
    public SpecialTokensInText SpecialTokensInText { get; init; } = SpecialTokensInText.AreTokens;

    /// <summary>Where in the text, and nowhere else, the spelling of a special token is text like any other; ranges in order, apart from each other.
    /// A spelling that lies only partly in a range is text, too. A pair's second text has no such ranges.</summary>
    public IReadOnlyList<TextRange> PlainRanges { get; init; } = [];

    /// <summary>How long the encoding may become; null for no limit. <see cref="Tokenizer.Truncation"/> is what the file asks for.</summary>
    public Truncation? Truncation { get; init; }

    /// <summary>What the encoding is filled up with; null for nothing. <see cref="Tokenizer.Padding"/> is what the file asks for.</summary>
    public Padding? Padding { get; init; }
}

/// <summary>What the spelling of a special token in a text is.</summary>
public enum SpecialTokensInText
{
    /// <summary>The special token, as in the format's reference.</summary>
    AreTokens,

    /// <summary>Text like any other: what a user writes cannot become a control token.</summary>
    AreText,
}
