namespace LlmService.Tokenizers;

/// <summary>A range [Start, End) of a text in UTF-16 units.</summary>
public readonly record struct TextRange(int Start, int End);

/// <summary>A tokenized text. All arrays have one entry a token.</summary>
/// <param name="Ids">Token ids.</param>
/// <param name="Tokens">Token strings as the vocabulary spells them.</param>
/// <param name="Offsets">Which part of the original text each token covers; (0, 0) for added special tokens.</param>
/// <param name="TypeIds">Sequence numbers as the post-processor sets them.</param>
/// <param name="SpecialTokensMask">True for tokens that the post-processor added.</param>
public sealed record Encoding(
    IReadOnlyList<int> Ids, IReadOnlyList<string> Tokens, IReadOnlyList<TextRange> Offsets, IReadOnlyList<int> TypeIds, IReadOnlyList<bool> SpecialTokensMask);
