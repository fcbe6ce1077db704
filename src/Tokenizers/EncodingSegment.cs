namespace LlmService.Tokenizers;

/// <summary>Tokens in a row that are alike in all but id and place.</summary>
/// <param name="Length">How many.</param>
/// <param name="TypeId">As the post-processor sets it.</param>
/// <param name="Sequence">0 for the first text, 1 for the second, -1 for neither.</param>
/// <param name="IsSpecial">Whether the post-processor or the padding added them.</param>
/// <param name="IsAttended">Whether they are no padding.</param>
internal readonly record struct EncodingSegment(int Length, int TypeId, int Sequence, bool IsSpecial, bool IsAttended);
