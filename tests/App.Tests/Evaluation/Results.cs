namespace LlmService.App.Evaluation;

/// <summary>Results as models would have given them.</summary>
internal static class Results
{
    public static CaseResult Answered(double seconds, string[] expected, params string[] tags) => new()
    {
        Case = new("a document", "Text.", expected),
        Comparison = TagComparison.Compare(expected, tags),
        Tags = tags,
        Answer = string.Join(", ", tags),
        IsList = tags.Length > 0,
        Parts = 1,
        Duration = TimeSpan.FromSeconds(seconds),
    };

    public static CaseResult Failed(string message = "It did not work.") => new()
    {
        Case = new("a document", "Text.", ["logo"]),
        Comparison = TagComparison.Compare(["logo"], []),
        Failure = new(FailureCode.ContextLengthExceeded, message),
    };

    public static ModelEvaluation Evaluated(string model, double seconds, params string[] tags) =>
        ModelEvaluation.Of(model, 1, [Answered(seconds, ["logo", "brand"], tags)], TimeSpan.FromSeconds(3));

    public static ModelEvaluation NotLoaded(string model, string message = "There is no such model.") =>
        new(model, EvaluationState.Failed, [], Failure: new(FailureCode.ModelNotFound, message));
}
