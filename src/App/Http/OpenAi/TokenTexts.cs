using System.Globalization;
using System.Text;
using System.Text.Unicode;
using LlmService.Tokenizers;

namespace LlmService.App.Http.OpenAi;

/// <summary>How single tokens are written beside their log-probabilities.</summary>
/// <param name="tokenizer">The model's; null writes ids, as the engine does in the text.</param>
/// <param name="fields">Whether the request asks for ids.</param>
internal sealed class TokenTexts(Tokenizer? tokenizer, GenerationFields fields)
{
    /// <summary>A token's text. Part of a character is written as <c>bytes:\xe2\x80</c>, a special token by its name.</summary>
    public string Text(int id)
    {
        if (tokenizer is null || fields.TokensAsIds)
            return IdText(id);
        byte[] bytes = tokenizer.TokenBytes(id);
        if (bytes.Length == 0)
            return tokenizer.IdToToken(id) ?? IdText(id);
        return Utf8.IsValid(bytes)
            ? System.Text.Encoding.UTF8.GetString(bytes)
            : bytes.Aggregate(new StringBuilder("bytes:"), (text, b) => text.Append("\\x").Append($"{b:x2}")).ToString();
    }

    /// <summary>The bytes that a token adds to the text; empty for special tokens.</summary>
    public byte[] Bytes(int id) => tokenizer?.TokenBytes(id) ?? System.Text.Encoding.UTF8.GetBytes(IdText(id));

    /// <summary>The bytes of a token that stands first: decoders drop the space that marks its word.</summary>
    public ReadOnlySpan<byte> FirstBytes(int id)
    {
        ReadOnlySpan<byte> bytes = Bytes(id);
        return tokenizer is not null && bytes.StartsWith((byte)' ') && !tokenizer.Decode([id], SpecialTokens.Skip).StartsWith(' ') ? bytes[1..] : bytes;
    }

    /// <summary>The text of a prompt that came as ids.</summary>
    public string Decode(IReadOnlyList<int> ids) => tokenizer?.Decode([.. ids], SpecialTokens.Include) ?? string.Concat(ids.Select(IdText));

    private static string IdText(int id) => string.Create(CultureInfo.InvariantCulture, $"token_id:{id}");
}
