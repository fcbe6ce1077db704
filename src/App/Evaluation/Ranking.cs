using System.Globalization;

namespace LlmService.App.Evaluation;

/// <summary>The model to take, and why; no model when none is worth it.</summary>
internal sealed record Recommendation(string? Model, string Reason);

/// <summary>The order of several models.</summary>
internal sealed class Ranking
{
    // One tag more or less in one of eight documents moves the score about as far.
    private const double CloseScores = 1;

    private readonly ModelEvaluation[] _ranked;

    /// <summary>Ranks by score, then F1, then time; failed and interrupted models follow in the order given.</summary>
    public Ranking(IReadOnlyList<ModelEvaluation> models)
    {
        _ranked = [.. models.Where(m => m.State == EvaluationState.Evaluated)
            .OrderByDescending(m => m.Scores!.Score).ThenByDescending(m => m.Scores!.F1).ThenBy(m => m.Scores!.MeanTime)];
        All = [.. _ranked, .. models.Where(m => m.State != EvaluationState.Evaluated)];
        Recommendation = models.Count > 1 ? Recommend() : null;
    }

    /// <summary>All models, the ranked ones first.</summary>
    public IReadOnlyList<ModelEvaluation> All { get; }

    /// <summary>What to take; null when there was no choice.</summary>
    public Recommendation? Recommendation { get; }

    /// <summary>The place of a model, from 1; null when it has none.</summary>
    public int? PlaceOf(ModelEvaluation model) => Array.IndexOf(_ranked, model) is >= 0 and var index ? index + 1 : null;

    private Recommendation Recommend()
    {
        if (_ranked.Length == 0)
            return new(null, "No model was evaluated to the end.");
        // A model that finds nothing has points too, for being fast.
        ModelEvaluation[] useful = [.. _ranked.Where(m => m.Scores!.F1 > 0)];
        if (useful.Length == 0)
            return new(null, "No model found an expected tag.");
        Scores best = useful[0].Scores!;
        string reason = string.Create(CultureInfo.InvariantCulture,
            $"It has the highest score of those that found expected tags: {best.Score:0.0} of 100, with F1 {best.F1:0.00} and {best.MeanTime!.Value.TotalSeconds:0.00} s per document.");
        return new(useful[0].Model, string.Join(" ", [reason, .. Reservations(best, useful)]));
    }

    private static IEnumerable<string> Reservations(Scores best, ModelEvaluation[] useful)
    {
        if (useful.Length == 1)
        {
            yield return "No other model did.";
            yield break;
        }
        if (best.Score - useful[1].Scores!.Score < CloseScores)
            yield return $"{useful[1].Model} is as good within a point.";
        ModelEvaluation accurate = useful.MaxBy(m => m.Scores!.F1)!;
        if (accurate.Scores!.F1 > best.F1)
            yield return string.Create(CultureInfo.InvariantCulture, $"{accurate.Model} finds better tags (F1 {accurate.Scores.F1:0.00}).");
        ModelEvaluation fast = useful.MinBy(m => m.Scores!.MeanTime)!;
        if (fast.Scores!.MeanTime < best.MeanTime)
            yield return string.Create(CultureInfo.InvariantCulture, $"{fast.Model} is faster ({fast.Scores.MeanTime!.Value.TotalSeconds:0.00} s per document).");
    }
}
