using System.Buffers;
using System.Globalization;
using LlmService.App.Evaluation;

namespace LlmService.App.Cli;

/// <summary>An evaluation as CSV (RFC 4180): a header, then one line for each model.</summary>
internal static class EvaluateCsv
{
    private static readonly (string Name, Func<ModelEvaluation, IFormattable?> Value)[] Numbers =
    [
        ("score", m => Rounded(m.Scores?.Score)),
        ("parse_rate", m => Rounded(m.Scores?.ParseRate)),
        ("precision", m => Rounded(m.Scores?.Precision)),
        ("recall", m => Rounded(m.Scores?.Recall)),
        ("f1", m => Rounded(m.Scores?.F1)),
        ("exact_matches", m => m.Scores?.ExactMatches),
        ("cases", m => m.Scores?.Cases),
        ("errors", m => m.Scores?.Errors),
        ("mean_seconds", m => Rounded(m.Scores?.MeanTime?.TotalSeconds)),
        ("latency_points", m => Rounded(m.Scores?.LatencyPoints)),
        ("load_seconds", m => Rounded(m.LoadTime?.TotalSeconds)),
    ];

    private static readonly SearchValues<char> Quoted = SearchValues.Create(",\"\r\n");

    public static string Create(EvaluationOutcome outcome)
    {
        IEnumerable<string> header = ["rank", "model", "state", .. Numbers.Select(n => n.Name), "code", "message"];
        return Line(header) + string.Concat(outcome.Ranking.All.Select(m => Line(Fields(m, outcome.Ranking.PlaceOf(m)))));
    }

    private static IEnumerable<string> Fields(ModelEvaluation model, int? place) =>
    [
        Text(place), model.Model, model.State.ToString().ToLowerInvariant(),
        .. Numbers.Select(n => Text(n.Value(model))),
        model.Failure?.Code.Name ?? "", model.Failure?.Message ?? "",
    ];

    private static string Line(IEnumerable<string> fields) => string.Join(',', fields.Select(Quote)) + "\r\n";

    private static string Quote(string field) =>
        field.AsSpan().ContainsAny(Quoted) ? $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : field;

    private static string Text(IFormattable? value) => value?.ToString(null, CultureInfo.InvariantCulture) ?? "";

    private static double? Rounded(double? value) => value is { } known ? Math.Round(known, 4) : null;
}
