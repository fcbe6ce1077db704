namespace LlmService.Tokenizers;

/// <summary>Decodes ids one by one into text that is never half a character. The joined pieces equal the whole decode. Not safe for concurrent use.</summary>
public sealed class DecodeStream
{
    /// <summary>Adds one id; returns the text that is now certain, often empty.</summary>
    public string Push(int id) => throw new NotSupportedException();

    /// <summary>Ends the stream; returns what was held back.</summary>
    public string Flush() => throw new NotSupportedException();
}
