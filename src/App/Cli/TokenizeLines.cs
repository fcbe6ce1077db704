using System.Text.Json;
using LlmService.Tokenizers;

namespace LlmService.App.Cli;

/// <summary>Tokenizes JSON Lines: one answer a line, in order. A line that is wrong gets an error and stops nothing.</summary>
internal sealed class TokenizeLines(Tokenizer tokenizer)
{
    /// <summary>An object with the tokens of the line's text, or with <c>error</c>.</summary>
    public string Answer(string line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            return Answer(document.RootElement);
        }
        catch (JsonException e)
        {
            return Error($"The line is not valid JSON: byte {e.BytePositionInLine + 1}.");
        }
        catch (InvalidOperationException)
        {
            return Error("A string of the line has half a surrogate pair, which is no character.");
        }
        catch (TokenizerException e)
        {
            return Error(e.Message);
        }
    }

    private string Answer(JsonElement line)
    {
        if (line.ValueKind != JsonValueKind.Object)
            return Error("The line must be an object with a \"text\".");
        if (!line.TryGetProperty("text", out JsonElement text) || text.ValueKind != JsonValueKind.String)
            return Error("\"text\" must be a string.");
        string? pair = null;
        if (line.TryGetProperty("pair", out JsonElement second) && second.ValueKind != JsonValueKind.Null)
        {
            if (second.ValueKind != JsonValueKind.String)
                return Error("\"pair\" must be a string.");
            pair = second.GetString();
        }
        bool special = true;
        if (line.TryGetProperty("add_special_tokens", out JsonElement flag) && flag.ValueKind != JsonValueKind.Null)
        {
            if (flag.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
                return Error("\"add_special_tokens\" must be true or false.");
            special = flag.GetBoolean();
        }
        return Answer(text.GetString()!, pair, special ? SpecialTokens.Include : SpecialTokens.Skip);
    }

    private string Answer(string text, string? pair, SpecialTokens special)
    {
        Encoding encoding = tokenizer.Encode(text, pair, special);
        return JsonLines.Write(json =>
        {
            json.WriteStartArray("ids");
            foreach (int id in encoding.IdSpan)
                json.WriteNumberValue(id);
            json.WriteEndArray();
            json.WriteStartArray("tokens");
            foreach (string token in encoding.Tokens)
                json.WriteStringValue(token);
            json.WriteEndArray();
            json.WriteStartArray("offsets");
            foreach (TextRange range in encoding.CodePointOffsets(text, pair))
            {
                json.WriteStartArray();
                json.WriteNumberValue(range.Start);
                json.WriteNumberValue(range.End);
                json.WriteEndArray();
            }
            json.WriteEndArray();
            json.WriteString("decoded", tokenizer.Decode(encoding.IdSpan, SpecialTokens.Include));
            json.WriteString("decoded_skip_special", tokenizer.Decode(encoding.IdSpan, SpecialTokens.Skip));
        });
    }

    private static string Error(string message) => JsonLines.Write(json => json.WriteString("error", message));
}
