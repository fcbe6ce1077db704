namespace LlmService.Tokenizers;

/// <summary>A tokenizer read from <c>tokenizer.json</c>. Immutable; safe for concurrent use.</summary>
public sealed class Tokenizer
{
    /// <summary>Reads <c>tokenizer.json</c> of a model folder.</summary>
    /// <exception cref="TokenizerException">Missing, damaged or not supported.</exception>
    public static Tokenizer Load(string modelFolder) => throw new NotSupportedException();

    /// <summary>Reads a <c>tokenizer.json</c> from memory; <paramref name="fileName"/> is for messages.</summary>
    /// <exception cref="TokenizerException">Damaged or not supported.</exception>
    public static Tokenizer Parse(ReadOnlyMemory<byte> json, string fileName) => throw new NotSupportedException();

    /// <summary>One more than the highest token id.</summary>
    public int VocabularySize => throw new NotSupportedException();

    /// <summary>Tokenizes a text.</summary>
    public Encoding Encode(string text, SpecialTokens specialTokens) => throw new NotSupportedException();

    /// <summary>Turns ids back into text. Ids that the vocabulary lacks are left out.</summary>
    public string Decode(ReadOnlySpan<int> ids, SpecialTokens specialTokens) => throw new NotSupportedException();

    /// <summary>The id of a token, spelled as in the vocabulary; null when there is none.</summary>
    public int? TokenToId(string token) => throw new NotSupportedException();

    /// <summary>The token of an id, spelled as in the vocabulary; null when there is none.</summary>
    public string? IdToToken(int id) => throw new NotSupportedException();

    /// <summary>Whether the id is a special added token.</summary>
    public bool IsSpecial(int id) => throw new NotSupportedException();

    /// <summary>The bytes that one token stands for in running text (a leading word mark is a space); empty for special tokens.
    /// Unlike <see cref="Decode"/> it looks at the token alone; a byte of a multi-byte character is that byte.</summary>
    public byte[] TokenBytes(int id) => throw new NotSupportedException();

    /// <summary>Starts an incremental decode.</summary>
    public DecodeStream CreateDecodeStream(SpecialTokens specialTokens) => throw new NotSupportedException();
}
