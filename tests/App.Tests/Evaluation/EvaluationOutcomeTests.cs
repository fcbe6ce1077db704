namespace LlmService.App.Evaluation;

public sealed class EvaluationOutcomeTests
{
    [Fact]
    public void Failure_AllEvaluated_IsNone() => Assert.Null(Outcome(Results.Evaluated("a", 1, "logo")).Failure);

    [Fact]
    public void Failure_OneDidNotLoad_HasItsCode() =>
        Assert.Equal(FailureCode.ModelNotFound, Outcome(Results.Evaluated("a", 1, "logo"), Results.NotLoaded("b")).Failure!.Code);

    [Fact]
    public void Failure_EveryDocumentFailed_HasTheCodeOfTheFirst() =>
        Assert.Equal(FailureCode.ContextLengthExceeded, Outcome(ModelEvaluation.Of("a", 2, [Results.Failed(), Results.Failed()], TimeSpan.Zero)).Failure!.Code);

    [Fact]
    public void Failure_OneDocumentFailed_IsNone() =>
        Assert.Null(Outcome(ModelEvaluation.Of("a", 2, [Results.Failed(), Results.Answered(1, ["logo"], "logo")], TimeSpan.Zero)).Failure);

    [Fact]
    public void Failure_Interrupted_ComesBeforeOthers()
    {
        ModelEvaluation half = ModelEvaluation.Of("b", 2, [Results.Answered(1, ["logo"], "logo")], TimeSpan.Zero);
        Assert.Equal(EvaluationState.Interrupted, half.State);
        Assert.Equal(FailureCode.Interrupted, Outcome(Results.NotLoaded("a"), half).Failure!.Code);
    }

    private static EvaluationOutcome Outcome(params ModelEvaluation[] models) => new("built-in", 2, models);
}
