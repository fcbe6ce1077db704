namespace LlmService.Tokenizers;

/// <summary>A code point of a changed text: new (1), in place of the next one (0), or in place of it and n more (-n).</summary>
internal readonly record struct TextChange(int CodePoint, int Count);
