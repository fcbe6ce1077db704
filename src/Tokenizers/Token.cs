namespace LlmService.Tokenizers;

/// <summary>A token of the model: where it lies in the text, and its string when that is not the vocabulary's.</summary>
internal readonly record struct Token(int Id, int Start, int End, string? Value);
