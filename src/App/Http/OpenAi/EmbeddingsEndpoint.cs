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
        LlmEngine engine = models.Engine(id);
        TextEmbedder embedder = EmbedderOf(engine, id);
        bool isBase64 = reader.String("encoding_format") switch
        {
            null or "float" => false,
            "base64" => true,
            { } other => throw RequestReader.Invalid("encoding_format", $"'encoding_format' must be float or base64, not {other}."),
        };
        int width = reader.Integer("dimensions", 1, embedder.Width) ?? embedder.Width;
        int[][] texts = [.. PromptField.Read(reader, "input").Select(input => EmbeddingText.Ids(engine, input))];
        if (texts.Length > MostTexts)
            throw RequestReader.Invalid("input", $"'input' has {texts.Length} texts; at most {MostTexts} were expected.");
        float[][] vectors = await embedder.EmbedAsync(texts, context.RequestAborted);
        AnswerSender.Warn(context, reader.Warnings);
        await JsonAnswer.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteString("object", "list");
            json.WriteStartArray("data");
            for (int i = 0; i < vectors.Length; i++)
                Write(json, i, vectors[i], width, isBase64);
            json.WriteEndArray();
            json.WriteString("model", id);
            EmbeddingText.WriteUsage(json, texts.Sum(text => text.Length));
        });
    }

    private static TextEmbedder EmbedderOf(LlmEngine engine, string id) => engine.Embedder is { ScoreCount: 0 } embedder ? embedder
        : throw new AppException(FailureCode.InvalidRequest, engine.Embedder is null ? $"The model '{id}' generates text; it makes no embeddings." : $"The model '{id}' scores texts; it makes no embeddings.")
        {
            Parameter = "model",
            Remedy = engine.Embedder is null ? "Serve a model for embeddings, such as sentence-transformers/all-MiniLM-L6-v2." : "Send the request to /v1/rerank, or serve a model for embeddings.",
        };

    // Shorter vectors keep the direction of their first numbers.
    private static void Write(Utf8JsonWriter json, int index, float[] vector, int width, bool isBase64)
    {
        float[] shown = vector[..width];
        if (width < vector.Length)
            TextEmbedder.Normalize(shown);
        json.WriteStartObject();
        json.WriteString("object", "embedding");
        json.WriteNumber("index", index);
        if (isBase64)
        {
            json.WriteBase64String("embedding", MemoryMarshal.AsBytes<float>(shown));
        }
        else
        {
            json.WriteStartArray("embedding");
            foreach (float value in shown)
                json.WriteNumberValue(value);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }
}
