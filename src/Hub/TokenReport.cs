namespace LlmService.Hub;

/// <summary>What the Hub says of a token.</summary>
/// <param name="Source">Where the token was found.</param>
/// <param name="IsAccepted">Whether the Hub accepts it; null when it did not say.</param>
/// <param name="Account">The account that it belongs to.</param>
/// <param name="Role"><c>read</c>, <c>write</c> or <c>fineGrained</c>; null for other kinds.</param>
/// <param name="ReadsGated">Whether a fine-grained token may read public gated repositories.</param>
public sealed record TokenReport(string Source, bool? IsAccepted, string? Account, string? Role, bool? ReadsGated);
