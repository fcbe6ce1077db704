namespace LlmService.App.Evaluation;

/// <summary>How the evaluation of a model ended.</summary>
internal enum EvaluationState
{
    /// <summary>Every document was asked, and at least one was answered.</summary>
    Evaluated,

    /// <summary>The model did not load, or no document was answered.</summary>
    Failed,

    /// <summary>Ctrl-C came first; the results are those until then.</summary>
    Interrupted,
}

/// <summary>One model and what it did.</summary>
/// <param name="Model">The model as it was named.</param>
/// <param name="State">How it ended.</param>
/// <param name="Results">The documents that were asked, in their order.</param>
/// <param name="LoadTime">How long the load took; null when it did not load.</param>
/// <param name="Failure">Why it failed; null otherwise.</param>
internal sealed record ModelEvaluation(
    string Model, EvaluationState State, IReadOnlyList<CaseResult> Results, TimeSpan? LoadTime = null, Failure? Failure = null)
{
    /// <summary>The numbers; null when no document was asked.</summary>
    public Scores? Scores { get; } = Results.Count == 0 ? null : Scores.Of(Results);

    /// <summary>The evaluation of a model that was loaded.</summary>
    public static ModelEvaluation Of(string model, int cases, IReadOnlyList<CaseResult> results, TimeSpan loadTime)
    {
        if (results.Count < cases)
            return new(model, EvaluationState.Interrupted, results, loadTime);
        return results.All(r => r.Failure is not null)
            ? new(model, EvaluationState.Failed, results, loadTime, results[0].Failure)
            : new(model, EvaluationState.Evaluated, results, loadTime);
    }
}
