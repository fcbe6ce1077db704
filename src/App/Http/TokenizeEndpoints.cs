using System.Text.Json;
using LlmService.App.Http.OpenAi;
using LlmService.Inference;
using LlmService.Tokenizers;

namespace LlmService.App.Http;

/// <summary><c>POST /tokenize</c> and <c>/detokenize</c>, in the words of the two servers that have them.</summary>
internal sealed class TokenizeEndpoints(LoadedModels models)
{
    private const int MostIds = 4_000_000;

    /// <summary>One server calls the text <c>prompt</c> and adds special tokens, the other calls it <c>content</c> and does not, unless it is told.</summary>
    public async Task TokenizeAsync(HttpContext context)
    {
        using JsonDocument body = await RequestBody.ReadAsync(context);
        RequestReader reader = new(body.RootElement, FieldTable.Tokenize);
        (string model, LlmEngine engine, Tokenizer tokenizer) = Find(reader);
        string? prompt = reader.String("prompt"), content = reader.String("content");
        if (prompt is null == content is null)
            throw RequestReader.Invalid("prompt", prompt is null ? "'prompt' is missing: the text to tokenize." : "'prompt' and 'content' are two names of one field; send one of them.");
        bool special = reader.Boolean("add_special_tokens") ?? reader.Boolean("add_special") ?? prompt is not null;
        bool parse = reader.Boolean("parse_special") ?? true;
        Encoding encoding = tokenizer.Encode((prompt ?? content)!, null, new EncodeOptions
        {
            SpecialTokens = special ? SpecialTokens.Include : SpecialTokens.Skip,
            SpecialTokensInText = parse ? SpecialTokensInText.AreTokens : SpecialTokensInText.AreText,
        });
        bool withPieces = reader.Boolean("with_pieces") ?? false, withStrings = reader.Boolean("return_token_strs") ?? false;
        AnswerSender.Warn(context, reader.Warnings);
        await JsonAnswer.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteString("model", model);
            json.WriteNumber("count", encoding.Count);
            json.WriteNumber("max_model_len", engine.Model.ContextLength);
            WriteTokens(json, encoding, withPieces ? tokenizer : null);
            if (!withStrings)
                return;
            json.WriteStartArray("token_strs");
            foreach (string token in encoding.Tokens)
                json.WriteStringValue(token);
            json.WriteEndArray();
        });
    }

    /// <summary>Answers with the text under both names.</summary>
    public async Task DetokenizeAsync(HttpContext context)
    {
        using JsonDocument body = await RequestBody.ReadAsync(context);
        RequestReader reader = new(body.RootElement, FieldTable.Detokenize);
        (string model, LlmEngine engine, Tokenizer tokenizer) = Find(reader);
        if (reader.Element("tokens") is not { ValueKind: JsonValueKind.Array } tokens)
            throw RequestReader.Invalid("tokens", "'tokens' must be an array of token ids.");
        if (tokens.GetArrayLength() > MostIds)
            throw RequestReader.Invalid("tokens", $"'tokens' has more than {MostIds} ids.");
        int[] ids = [.. tokens.EnumerateArray().Select(id => RequestReader.TokenId(id, "tokens"))];
        // The table of a model may have rows for which its tokenizer has no token: they stand for nothing.
        int known = Math.Max(engine.Model.VocabularySize, tokenizer.VocabularySize);
        foreach (int id in ids.Where(id => id >= known))
            throw RequestReader.Invalid("tokens", $"'tokens' has the token id {id}, but the vocabulary has the ids 0 to {known - 1}.");
        bool skip = reader.Boolean("skip_special_tokens") ?? false;
        AnswerSender.Warn(context, reader.Warnings);
        string text = tokenizer.Decode(ids, skip ? SpecialTokens.Skip : SpecialTokens.Include);
        await JsonAnswer.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteString("model", model);
            json.WriteString("prompt", text);
            json.WriteString("content", text);
        });
    }

    private (string Id, LlmEngine Engine, Tokenizer Tokenizer) Find(RequestReader reader)
    {
        string id = models.ReadId(reader);
        LlmEngine engine = models.Engine(id);
        return (id, engine, engine.Tokenizer ?? throw new AppException(FailureCode.UnsupportedParameter, $"The model '{id}' is served without a tokenizer (--skip-tokenizer-init).")
        {
            Parameter = "model",
            Remedy = "Start the service without --skip-tokenizer-init.",
        });
    }

    private static void WriteTokens(Utf8JsonWriter json, Encoding encoding, Tokenizer? pieces)
    {
        json.WriteStartArray("tokens");
        foreach (int id in encoding.IdSpan)
        {
            if (pieces is null)
            {
                json.WriteNumberValue(id);
                continue;
            }
            json.WriteStartObject();
            json.WriteNumber("id", id);
            WritePiece(json, pieces.TokenBytes(id), pieces.IdToToken(id) ?? "");
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    // Part of a character is no text; it is written as the bytes that it is.
    private static void WritePiece(Utf8JsonWriter json, byte[] bytes, string name)
    {
        if (bytes.Length == 0)
        {
            json.WriteString("piece", name);
        }
        else if (System.Text.Unicode.Utf8.IsValid(bytes))
        {
            json.WriteString("piece", bytes);
        }
        else
        {
            json.WriteStartArray("piece");
            foreach (byte b in bytes)
                json.WriteNumberValue(b);
            json.WriteEndArray();
        }
    }
}
