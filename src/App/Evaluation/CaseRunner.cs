using LlmService.App.Tasks;

namespace LlmService.App.Evaluation;

/// <summary>Asks a loaded model for the tags of every document, one after another.</summary>
/// <param name="tag">Asks for the tags of one document.</param>
/// <param name="log">Receives the details of internal errors.</param>
internal sealed class CaseRunner(Func<string, CancellationToken, Task<DocumentTags>> tag, TextWriter log)
{
    private const int MaxTagWords = 5;

    private static readonly EvaluationCase WarmUp = new("warm-up", "The first answer of a model takes longer than the others, so nobody measures it.", []);

    /// <summary>Runs all cases after an unmeasured one. A case that fails counts as an error, and the rest go on.</summary>
    /// <returns>A result for each case; fewer when cancelled.</returns>
    public async Task<IReadOnlyList<CaseResult>> RunAsync(IReadOnlyList<EvaluationCase> cases, Action<CaseResult> report, CancellationToken cancellationToken)
    {
        List<CaseResult> results = [];
        try
        {
            await RunAsync(WarmUp, cancellationToken);
            foreach (EvaluationCase one in cases)
            {
                CaseResult result = await RunAsync(one, cancellationToken);
                results.Add(result);
                report(result);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // What is there is the result.
        }
        return results;
    }

    private async Task<CaseResult> RunAsync(EvaluationCase one, CancellationToken cancellationToken)
    {
        try
        {
            DocumentTags answer = await tag(one.Text, cancellationToken);
            return new()
            {
                Case = one,
                Comparison = TagComparison.Compare(one.Tags, answer.Tags),
                Tags = answer.Tags,
                Answer = answer.Answer,
                IsList = ReadsAsList(answer.Tags),
                Parts = answer.Parts,
                Duration = answer.Usage.Total,
            };
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            Failure failure = Failures.From(e);
            if (failure.Code == FailureCode.InternalError)
                log.WriteLine(e.ToString());
            return new() { Case = one, Comparison = TagComparison.Compare(one.Tags, []), Failure = failure };
        }
    }

    // Prose that was cut at its commas leaves long pieces.
    private static bool ReadsAsList(IReadOnlyList<string> tags) =>
        tags.Count > 0 && tags.All(tag => tag.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length <= MaxTagWords);
}
