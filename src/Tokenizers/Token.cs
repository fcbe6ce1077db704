namespace LlmService.Tokenizers;

/// <summary>A token of the model and where it lies in its piece.</summary>
internal readonly record struct Token(int Id, int Start, int End);
