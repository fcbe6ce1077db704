namespace LlmService.App.Evaluation;

/// <summary>A whole evaluation, ready for a report.</summary>
internal sealed class EvaluationOutcome
{
    /// <param name="caseSource"><c>built-in</c>, or the file of the cases.</param>
    /// <param name="caseCount">How many documents there are.</param>
    /// <param name="models">The models in the order given.</param>
    public EvaluationOutcome(string caseSource, int caseCount, IReadOnlyList<ModelEvaluation> models)
    {
        CaseSource = caseSource;
        CaseCount = caseCount;
        Ranking = new(models);
        Failure = FindFailure(models);
        Notes = models.Any(m => m.Model == ModelReference.DemoName)
            ? [ModelReference.DemoNote]
            : [];
    }

    public string CaseSource { get; }

    public int CaseCount { get; }

    public Ranking Ranking { get; }

    /// <summary>Why the command does not end with 0; null when it does.</summary>
    public Failure? Failure { get; }

    public IReadOnlyList<string> Notes { get; }

    private static Failure? FindFailure(IReadOnlyList<ModelEvaluation> models)
    {
        if (models.Any(m => m.State == EvaluationState.Interrupted))
            return new(FailureCode.Interrupted, $"Interrupted: {models.Count(m => m.State == EvaluationState.Evaluated)} of {models.Count} models were evaluated to the end.");
        ModelEvaluation[] failed = [.. models.Where(m => m.State == EvaluationState.Failed)];
        if (failed.Length == 0)
            return null;
        Failure first = failed[0].Failure!;
        return models.Count == 1 ? first : first with { Message = $"{failed.Length} of {models.Count} models failed, first '{failed[0].Model}': {first.Message}" };
    }
}
