using System.Runtime.InteropServices;
using System.Text.Json;
using LlmService.Inference;
using LlmService.Inference.Embeddings;

namespace LlmService.App.Http.OpenAi;

/// <summary><c>POST /v1/embeddings</c>: vectors of texts.</summary>
internal sealed class EmbeddingsEndpoint(LoadedModels models)
{
    private const int MostTexts = 2048;

    public async Task PostAsync(HttpContext context)
    {
        using JsonDocument body = await RequestBody.ReadAsync(context);
        RequestReader reader = new(body.RootElement, FieldTable.Embeddings);
        string id = models.ReadId(reader);
        EncoderEngine encoder = VectorsOf(models.Engine(id), id);
        bool isBase64 = reader.String("encoding_format") switch
        {
            null or "float" => false,
            "base64" => true,
            { } other => throw RequestReader.Invalid("encoding_format", $"'encoding_format' must be float or base64, not {other}."),
        };
        int width = reader.Integer("dimensions", 1, encoder.Width) ?? encoder.Width;
        EncoderText[] texts = ReadTexts(reader, encoder.Texts);
        float[][] vectors = await encoder.EmbedAsync(texts, context.RequestAborted);
        EmbeddingText.Warn(context, reader, texts);
        await JsonAnswer.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteString("object", "list");
            json.WriteStartArray("data");
            for (int i = 0; i < vectors.Length; i++)
                Write(json, i, EncoderEngine.Shorten(vectors[i], width), isBase64);
            json.WriteEndArray();
            json.WriteString("model", id);
            EmbeddingText.WriteUsage(json, texts);
        });
    }

    /// <summary>The texts of <c>input</c>, with the prompt of <c>prompt_name</c>, cut where that is asked for.</summary>
    private static EncoderText[] ReadTexts(RequestReader reader, TextPreparation texts)
    {
        string? prompt = reader.String("prompt_name");
        int? cutTo = EmbeddingText.ReadTruncation(reader, texts);
        int count = PromptField.Count(reader, "input");
        if (count > MostTexts)
            throw RequestReader.Invalid("input", $"'input' has {count} texts; at most {MostTexts} were expected.");
        List<Prompt> inputs = PromptField.Read(reader, "input");
        if (inputs.Exists(input => input.Text is not null))
            EmbeddingText.RequireTokenizer(texts, "input");
        return [.. inputs.Select(input => input.TokenIds is { } ids ? TextPreparation.Tokens(ids, prompt, cutTo) : texts.Text(input.Text!, prompt, cutTo))];
    }

    private static EncoderEngine VectorsOf(LlmEngine engine, string id) => engine.Encoder is { ScoreCount: 0 } encoder ? encoder
        : throw new AppException(FailureCode.InvalidRequest, engine.Encoder is null ? $"The model '{id}' generates text; it makes no embeddings." : $"The model '{id}' scores texts; it makes no embeddings.")
        {
            Parameter = "model",
            Remedy = engine.Encoder is null ? "Serve a model for embeddings, such as sentence-transformers/all-MiniLM-L6-v2." : "Send the request to /v1/rerank, or serve a model for embeddings.",
        };

    private static void Write(Utf8JsonWriter json, int index, float[] vector, bool isBase64)
    {
        json.WriteStartObject();
        json.WriteString("object", "embedding");
        json.WriteNumber("index", index);
        if (isBase64)
        {
            json.WriteBase64String("embedding", MemoryMarshal.AsBytes<float>(vector));
        }
        else
        {
            json.WriteStartArray("embedding");
            foreach (float value in vector)
                json.WriteNumberValue(value);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }
}
