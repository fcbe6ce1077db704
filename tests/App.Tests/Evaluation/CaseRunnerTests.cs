using LlmService.App.Tasks;
using LlmService.Inference;

namespace LlmService.App.Evaluation;

public sealed class CaseRunnerTests : IDisposable
{
    private static readonly EvaluationCase[] Cases =
    [
        new("first", "About a logo.", ["logo"]), new("second", "Bad.", ["brand"]), new("third", "About a logo.", ["logo"]),
    ];

    private readonly StringWriter _log = new();

    public void Dispose() => _log.Dispose();

    [Fact]
    public async Task RunAsync_OneFails_CountsAsErrorAndTheRestGoOn()
    {
        List<CaseResult> reported = [];
        IReadOnlyList<CaseResult> results = await Runner(text => text == "Bad." ? throw new InferenceException(InferenceFailure.ContextLengthExceeded, "Too long.") : "logo")
            .RunAsync(Cases, reported.Add, TestContext.Current.CancellationToken);
        Assert.Equal(reported, results);
        Assert.Equal([null, FailureCode.ContextLengthExceeded, null], results.Select(r => r.Failure?.Code));
        Assert.Equal(["brand"], results[1].Comparison.Missing);
        Assert.True(results[2].Comparison.IsExact);
        Assert.Equal("", _log.ToString());
    }

    [Fact]
    public async Task RunAsync_ForeignException_GoesToTheLog()
    {
        IReadOnlyList<CaseResult> results = await Runner(_ => throw new InvalidOperationException("detail")).RunAsync(Cases, _ => { }, TestContext.Current.CancellationToken);
        Assert.All(results, r => Assert.Equal(FailureCode.InternalError, r.Failure!.Code));
        Assert.Contains("detail", _log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_First_IsNotMeasured()
    {
        List<string> asked = [];
        await Runner(text =>
        {
            asked.Add(text);
            return "logo";
        }).RunAsync(Cases, _ => { }, TestContext.Current.CancellationToken);
        Assert.Equal(Cases.Length + 1, asked.Count);
        Assert.Equal(Cases.Select(c => c.Text), asked.Skip(1));
    }

    [Fact]
    public async Task RunAsync_Cancelled_KeepsWhatIsThere()
    {
        using CancellationTokenSource source = new();
        IReadOnlyList<CaseResult> results = await Runner(_ => "logo").RunAsync(Cases, _ => source.Cancel(), source.Token);
        Assert.Equal("first", Assert.Single(results).Case.Name);
    }

    [Theory]
    [InlineData("logo, brand identity, tone of voice", true)]
    [InlineData("- logo\n- brand", true)]
    [InlineData("the way a company speaks", true)]
    [InlineData("a logo, and it says how a company speaks", false)]
    [InlineData("", false)]
    [InlineData("This note explains how the company presents itself to its customers and to the public.", false)]
    public async Task RunAsync_Answer_IsAListUnlessItIsProse(string answer, bool expected)
    {
        IReadOnlyList<CaseResult> results = await Runner(_ => answer).RunAsync(Cases, _ => { }, TestContext.Current.CancellationToken);
        Assert.All(results, r => Assert.Equal(expected, r.IsList));
    }

    private CaseRunner Runner(Func<string, string> answer) => new((text, cancellationToken) =>
    {
        cancellationToken.ThrowIfCancellationRequested();
        string given = answer(text);
        return Task.FromResult(new DocumentTags(TagList.Parse(given), given, 1, new TaskUsage(1, 1, TimeSpan.Zero, TimeSpan.FromSeconds(1))));
    }, _log);
}
