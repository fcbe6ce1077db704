using System.Buffers;
using System.Text.Json;
using LlmService.App.Http;
using LlmService.Tokenizers;

namespace LlmService.App.Cli;

/// <summary>Tokenizes JSON Lines: one answer a line, in order. A line that is wrong gets an error and stops nothing.</summary>
internal sealed class TokenizeLines(Tokenizer tokenizer, TextWriter output)
{
    private readonly ArrayBufferWriter<byte> _buffer = new(4096);

    public int Run(TextReader input, CancellationToken cancellationToken)
    {
        while (input.ReadLine() is { } line)
        {
            cancellationToken.ThrowIfCancellationRequested();
            output.WriteLine(Answer(line));
        }
        output.Flush();
        return 0;
    }

    private string Answer(string line)
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
        return Write(json =>
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

    private string Error(string message) => Write(json => json.WriteString("error", message));

    private string Write(Action<Utf8JsonWriter> write)
    {
        _buffer.ResetWrittenCount();
        using (Utf8JsonWriter json = new(_buffer, JsonAnswer.Options))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(_buffer.WrittenSpan);
    }
}
