using System.Text.Json.Nodes;
using LlmService.App.Evaluation;

namespace LlmService.App.Cli;

/// <summary>An evaluation as one JSON object: every model, every document.</summary>
internal static class EvaluateJson
{
    public static JsonObject Create(EvaluationOutcome outcome)
    {
        JsonObject root = new() { ["ok"] = outcome.Failure is null };
        JsonOutput.AddFailure(root, outcome.Failure);
        root["cases"] = new JsonObject { ["source"] = outcome.CaseSource, ["count"] = outcome.CaseCount };
        root["models"] = new JsonArray([.. outcome.Ranking.All.Select(m => Model(m, outcome.Ranking.PlaceOf(m)))]);
        root["recommendation"] = outcome.Ranking.Recommendation is { } recommendation
            ? new JsonObject { ["model"] = recommendation.Model, ["reason"] = recommendation.Reason }
            : null;
        root["notes"] = Texts(outcome.Notes);
        return root;
    }

    private static JsonObject Model(ModelEvaluation model, int? place)
    {
        JsonObject result = new()
        {
            ["rank"] = place,
            ["model"] = model.Model,
            ["state"] = model.State.ToString().ToLowerInvariant(),
            ["load_seconds"] = Seconds(model.LoadTime),
        };
        JsonOutput.AddFailure(result, model.Failure);
        if (model.Scores is { } scores)
            AddScores(result, scores);
        result["documents"] = new JsonArray([.. model.Results.Select(Document)]);
        return result;
    }

    private static void AddScores(JsonObject result, Scores scores)
    {
        result["score"] = Math.Round(scores.Score, 2);
        result["parse_rate"] = Part(scores.ParseRate);
        result["precision"] = Part(scores.Precision);
        result["recall"] = Part(scores.Recall);
        result["f1"] = Part(scores.F1);
        result["exact_matches"] = scores.ExactMatches;
        result["cases"] = scores.Cases;
        result["errors"] = scores.Errors;
        result["mean_seconds"] = Seconds(scores.MeanTime);
        result["latency_points"] = Math.Round(scores.LatencyPoints, 2);
    }

    private static JsonObject Document(CaseResult result)
    {
        JsonObject document = new() { ["name"] = result.Case.Name, ["expected"] = Texts(result.Case.Tags) };
        if (result.Failure is not null)
        {
            JsonOutput.AddFailure(document, result.Failure);
            return document;
        }
        TagComparison comparison = result.Comparison;
        document["tags"] = Texts(result.Tags);
        document["matched"] = new JsonArray([.. comparison.Matched.Select(m => new JsonObject { ["expected"] = m.Expected, ["tag"] = m.Tag })]);
        document["missing"] = Texts(comparison.Missing);
        document["extra"] = Texts(comparison.Extra);
        document["precision"] = Part(comparison.Precision);
        document["recall"] = Part(comparison.Recall);
        document["f1"] = Part(comparison.F1);
        document["exact"] = comparison.IsExact;
        document["parsed"] = result.IsList;
        document["answer"] = result.Answer;
        document["parts"] = result.Parts;
        document["seconds"] = Seconds(result.Duration);
        return document;
    }

    private static JsonArray Texts(IReadOnlyList<string> texts) => new([.. texts.Select(t => JsonValue.Create(t))]);

    private static double Part(double value) => Math.Round(value, 4);

    private static double? Seconds(TimeSpan? time) => time is { } known ? Math.Round(known.TotalSeconds, 3) : null;
}
