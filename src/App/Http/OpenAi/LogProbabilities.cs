using System.Text.Json;
using LlmService.Inference;

namespace LlmService.App.Http.OpenAi;

/// <summary>Writes log-probabilities in the two shapes of the OpenAI API.</summary>
internal static class LogProbabilities
{
    // OpenAI's way to write "practically impossible": JSON has no infinity.
    private const float Impossible = -9999f;

    /// <summary>The object of <c>/v1/completions</c>: four lists of one entry a token.</summary>
    public static void WriteLegacy(Utf8JsonWriter json, IReadOnlyList<GeneratedToken> tokens, IReadOnlyList<int> offsets, TokenTexts texts)
    {
        json.WriteStartObject("logprobs");
        json.WriteStartArray("tokens");
        foreach (GeneratedToken token in tokens)
            json.WriteStringValue(texts.Text(token.Id));
        json.WriteEndArray();
        json.WriteStartArray("token_logprobs");
        foreach (GeneratedToken token in tokens)
        {
            if (token.LogProbability is { } value)
                json.WriteNumberValue(Finite(value));
            else
                json.WriteNullValue();
        }
        json.WriteEndArray();
        json.WriteStartArray("top_logprobs");
        foreach (GeneratedToken token in tokens)
            WriteLegacyAlternatives(json, token, texts);
        json.WriteEndArray();
        json.WriteStartArray("text_offset");
        foreach (int offset in offsets)
            json.WriteNumberValue(offset);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>The object of <c>/v1/chat/completions</c>: one entry a token.</summary>
    public static void WriteChat(Utf8JsonWriter json, IReadOnlyList<GeneratedToken> tokens, TokenTexts texts)
    {
        json.WriteStartObject("logprobs");
        json.WriteStartArray("content");
        foreach (GeneratedToken token in tokens)
        {
            json.WriteStartObject();
            WriteChatToken(json, new(token.Id, token.LogProbability ?? Impossible), texts);
            json.WriteStartArray("top_logprobs");
            foreach (TokenProbability alternative in token.Alternatives)
            {
                json.WriteStartObject();
                WriteChatToken(json, alternative, texts);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteNull("refusal");
        json.WriteEndObject();
    }

    private static void WriteChatToken(Utf8JsonWriter json, TokenProbability token, TokenTexts texts)
    {
        json.WriteString("token", texts.Text(token.Id));
        json.WriteNumber("logprob", Finite(token.LogProbability));
        byte[] bytes = texts.Bytes(token.Id);
        if (bytes.Length == 0)
        {
            json.WriteNull("bytes");
            return;
        }
        json.WriteStartArray("bytes");
        foreach (byte b in bytes)
            json.WriteNumberValue(b);
        json.WriteEndArray();
    }

    // The chosen token is always among them, so there may be one more than asked for. Two tokens of one text share a name: the likelier one has it.
    private static void WriteLegacyAlternatives(Utf8JsonWriter json, GeneratedToken token, TokenTexts texts)
    {
        if (token.LogProbability is not { } chosen)
        {
            json.WriteNullValue();
            return;
        }
        json.WriteStartObject();
        HashSet<string> written = [];
        foreach (TokenProbability alternative in token.Alternatives.Append(new(token.Id, chosen)))
        {
            string text = texts.Text(alternative.Id);
            if (written.Add(text))
                json.WriteNumber(text, Finite(alternative.LogProbability));
        }
        json.WriteEndObject();
    }

    private static float Finite(float value) => float.IsFinite(value) ? value : Impossible;
}
