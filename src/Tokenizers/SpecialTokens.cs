namespace LlmService.Tokenizers;

/// <summary>What encoding or decoding does with special tokens.</summary>
public enum SpecialTokens
{
    /// <summary>Encode: leave out those that the post-processor would add. Decode: leave special tokens out of the text.</summary>
    Skip,

    /// <summary>Encode: add what the post-processor adds. Decode: print special tokens like any other.</summary>
    Include,
}
