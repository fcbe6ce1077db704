namespace LlmService.App.Evaluation;

/// <summary>The numbers of one model. Rates lie between 0 and 1, points and score between 0 and 100.</summary>
/// <param name="Cases">Documents that were asked.</param>
/// <param name="ParseRate">The part whose answer reads as a list.</param>
/// <param name="Precision">The mean over all documents (macro); one that failed counts 0, here and in the next two.</param>
/// <param name="Recall">The mean over all documents.</param>
/// <param name="F1">The mean over all documents.</param>
/// <param name="ExactMatches">Documents whose tags are exactly the expected ones.</param>
/// <param name="Errors">Documents that failed.</param>
/// <param name="MeanTime">The mean time of the documents that did not fail; null when there are none.</param>
internal sealed record Scores(int Cases, double ParseRate, double Precision, double Recall, double F1, int ExactMatches, int Errors, TimeSpan? MeanTime)
{
    private const double ParseWeight = 0.3;
    private const double F1Weight = 0.4;
    private const double LatencyWeight = 0.2;
    private const double ErrorWeight = 0.1;
    private const double SecondsOfFullPoints = 1;
    private const double SecondsOfNoPoints = 30;

    public double ErrorRate => (double)Errors / Cases;

    /// <summary>100 up to one second per document, 0 from thirty seconds on, on a logarithmic scale between; 0 when none was answered.</summary>
    public double LatencyPoints => MeanTime is not { } time ? 0
        : 100 * Math.Log(SecondsOfNoPoints / Math.Clamp(time.TotalSeconds, SecondsOfFullPoints, SecondsOfNoPoints)) / Math.Log(SecondsOfNoPoints / SecondsOfFullPoints);

    /// <summary>30 % parse rate, 40 % F1, 20 % latency, 10 % absence of errors.</summary>
    public double Score => (100 * ((ParseWeight * ParseRate) + (F1Weight * F1) + (ErrorWeight * (1 - ErrorRate)))) + (LatencyWeight * LatencyPoints);

    /// <summary>Adds up the results of one model; at least one.</summary>
    public static Scores Of(IReadOnlyList<CaseResult> results)
    {
        CaseResult[] answered = [.. results.Where(r => r.Failure is null)];
        return new(
            results.Count,
            results.Average(r => r.IsList ? 1.0 : 0),
            results.Average(r => r.Comparison.Precision),
            results.Average(r => r.Comparison.Recall),
            results.Average(r => r.Comparison.F1),
            results.Count(r => r.Comparison.IsExact),
            results.Count - answered.Length,
            answered.Length == 0 ? null : TimeSpan.FromSeconds(answered.Average(r => r.Duration.TotalSeconds)));
    }
}
