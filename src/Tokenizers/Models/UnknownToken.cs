namespace LlmService.Tokenizers.Models;

/// <summary>What happens when a text needs the unknown token and the vocabulary has none.</summary>
internal static class UnknownToken
{
    public static TokenizerException Missing(string token) => new(TokenizerFailure.Corrupt,
        $"The text has a part that the vocabulary does not know, and the unknown token '{token}' is not in the vocabulary: correct $.model.unk_token.")
    { JsonPath = "$.model.unk_token" };
}
