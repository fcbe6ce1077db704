using System.Text.Json;
using System.Text.Unicode;

namespace LlmService.Inference.Configuration;

/// <summary>Parses JSON so that reading a text later cannot fail: the parser itself checks neither UTF-8 nor escaped surrogates.</summary>
internal static class StrictJson
{
    /// <exception cref="JsonException">Not one JSON value, or one with a text that is none.</exception>
    public static JsonElement Parse(ReadOnlySpan<byte> utf8, int maxDepth)
    {
        if (!Utf8.IsValid(utf8))
            throw new JsonException("The text is not UTF-8.", null, 0, 0);
        JsonReaderOptions options = new() { MaxDepth = maxDepth };
        Utf8JsonReader check = new(utf8, options);
        while (check.Read())
        {
            if (check.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && check.ValueIsEscaped)
                CheckEscapes(ref check);
        }
        Utf8JsonReader reader = new(utf8, options);
        using JsonDocument document = JsonDocument.ParseValue(ref reader);
        return document.RootElement.Clone();
    }

    private static void CheckEscapes(ref Utf8JsonReader reader)
    {
        try
        {
            reader.GetString();
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException("A text has half a surrogate pair.", null, 0, reader.TokenStartIndex, e);
        }
    }
}
