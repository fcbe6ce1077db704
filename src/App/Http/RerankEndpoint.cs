using System.Text.Json;
using LlmService.App.Http.OpenAi;
using LlmService.Inference;
using LlmService.Inference.Embeddings;

namespace LlmService.App.Http;

/// <summary><c>POST /v1/rerank</c>, in the format of Cohere and Jina: documents in the order of how well they answer a query.</summary>
internal sealed class RerankEndpoint(LoadedModels models)
{
    private const int MostDocuments = 1000;

    public async Task PostAsync(HttpContext context)
    {
        using JsonDocument body = await RequestBody.ReadAsync(context);
        RequestReader reader = new(body.RootElement, FieldTable.Rerank);
        string id = models.ReadId(reader);
        EncoderEngine ranker = RankerOf(models.Engine(id), id);
        string query = reader.String("query") ?? throw RequestReader.Invalid("query", "'query' is missing: the text that the documents are ranked by.");
        string[] documents = ReadDocuments(reader);
        int top = reader.Integer("top_n", 1) ?? documents.Length;
        bool returns = reader.Boolean("return_documents") ?? false;
        int? cutTo = EmbeddingText.ReadTruncation(reader, ranker.Texts);
        EmbeddingText.RequireTokenizer(ranker.Texts, "documents");
        EncoderText[] pairs = [.. documents.Select(document => ranker.Texts.Pair(query, document, cutTo))];
        float[][] scores = await ranker.ScoreAsync(pairs, context.RequestAborted);
        EmbeddingText.Warn(context, reader, pairs);
        await JsonAnswer.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteString("object", "list");
            json.WriteString("model", id);
            json.WriteStartArray("results");
            foreach (int index in Enumerable.Range(0, documents.Length).OrderByDescending(i => scores[i][0]).Take(top))
            {
                json.WriteStartObject();
                json.WriteNumber("index", index);
                // One score is a logit: between 0 and 1 it says how sure the model is.
                json.WriteNumber("relevance_score", 1 / (1 + Math.Exp(-scores[index][0])));
                if (returns)
                {
                    json.WriteStartObject("document");
                    json.WriteString("text", documents[index]);
                    json.WriteEndObject();
                }
                json.WriteEndObject();
            }
            json.WriteEndArray();
            EmbeddingText.WriteUsage(json, pairs);
        });
    }

    private static EncoderEngine RankerOf(LlmEngine engine, string id) => engine.Encoder is { ScoreCount: 1 } ranker ? ranker
        : throw new AppException(FailureCode.InvalidRequest, engine.Encoder is { ScoreCount: > 1 } other
            ? $"The model '{id}' sorts texts into {other.ScoreCount} classes; a ranking needs a model with one score."
            : $"The model '{id}' does not score pairs of texts.")
        {
            Parameter = "model",
            Remedy = "Serve a model for reranking, such as cross-encoder/ms-marco-MiniLM-L6-v2 or BAAI/bge-reranker-base.",
        };

    // Texts, or objects with a text.
    private static string[] ReadDocuments(RequestReader reader)
    {
        if (reader.Element("documents") is not { ValueKind: JsonValueKind.Array } list || list.GetArrayLength() is 0 or > MostDocuments)
            throw RequestReader.Invalid("documents", $"'documents' must be an array of 1 to {MostDocuments} texts, or of objects with a 'text'.");
        return [.. list.EnumerateArray().Select((item, i) =>
            item.ValueKind == JsonValueKind.Object && item.TryGetProperty("text", out JsonElement text) ? RequestReader.Text(text, $"documents[{i}].text") : RequestReader.Text(item, $"documents[{i}]"))];
    }
}
