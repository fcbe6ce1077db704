using System.Text;
using System.Text.Unicode;
using LlmService.Tokenizers;

namespace LlmService.App.Http.OpenAi;

/// <summary>How single tokens are written beside their log-probabilities.</summary>
/// <param name="tokenizer">The model's; null writes ids.</param>
/// <param name="fields">Whether the request asks for ids.</param>
internal sealed class TokenTexts(Tokenizer? tokenizer, GenerationFields fields)
{
    /// <summary>A token's text. Part of a character is written as <c>bytes:\xe2\x80</c>, a special token by its name.</summary>
    public string Text(int id)
    {
        if (tokenizer is null || fields.TokensAsIds)
            return $"token_id:{id}";
        byte[] bytes = tokenizer.TokenBytes(id);
        if (bytes.Length == 0)
            return tokenizer.IdToToken(id) ?? $"token_id:{id}";
        return Utf8.IsValid(bytes)
            ? System.Text.Encoding.UTF8.GetString(bytes)
            : bytes.Aggregate(new StringBuilder("bytes:"), (text, b) => text.Append("\\x").Append($"{b:x2}")).ToString();
    }

    /// <summary>The bytes that a token adds to the text; empty for special tokens and without a tokenizer.</summary>
    public byte[] Bytes(int id) => tokenizer?.TokenBytes(id) ?? [];

    /// <summary>The bytes of a token that stands first: decoders drop the space that marks its word.</summary>
    public ReadOnlySpan<byte> FirstBytes(int id)
    {
        ReadOnlySpan<byte> bytes = Bytes(id);
        return bytes.StartsWith((byte)' ') && !tokenizer!.Decode([id], SpecialTokens.Skip).StartsWith(' ') ? bytes[1..] : bytes;
    }

    /// <summary>The text of a prompt that came as ids.</summary>
    public string Decode(IReadOnlyList<int> ids) => tokenizer?.Decode([.. ids], SpecialTokens.Include) ?? "";
}
