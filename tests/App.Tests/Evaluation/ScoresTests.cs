namespace LlmService.App.Evaluation;

public sealed class ScoresTests
{
    [Fact]
    public void Of_OneAnsweredOneFailed_HasTheValuesOfAPocketCalculator()
    {
        Scores scores = Scores.Of([Results.Answered(2, ["a", "b", "c", "d"], "a", "b", "x"), Results.Failed()]);
        Assert.Equal(2, scores.Cases);
        Assert.Equal(1, scores.Errors);
        Assert.Equal(0.5, scores.ParseRate);
        Assert.Equal(1.0 / 3, scores.Precision, 12);
        Assert.Equal(0.25, scores.Recall, 12);
        Assert.Equal(2.0 / 7, scores.F1, 12);
        Assert.Equal(TimeSpan.FromSeconds(2), scores.MeanTime);
        // 100 · (1 − ln 2 / ln 30); 0.3 · 50 + 0.4 · 28.5714 + 0.2 · 79.6205 + 0.1 · 50
        Assert.Equal(79.6205, scores.LatencyPoints, 4);
        Assert.Equal(47.3527, scores.Score, 4);
    }

    [Fact]
    public void Of_Perfect_IsHundred()
    {
        Scores scores = Scores.Of([Results.Answered(0.2, ["a", "b"], "b", "a"), Results.Answered(1.6, ["c"], "C")]);
        Assert.Equal(2, scores.ExactMatches);
        Assert.Equal(100, scores.Score, 9);
    }

    [Fact]
    public void Of_NothingAnswered_IsZero()
    {
        Scores scores = Scores.Of([Results.Failed(), Results.Failed()]);
        Assert.Null(scores.MeanTime);
        Assert.Equal(0, scores.Score);
    }

    [Theory]
    [InlineData(0, 100)]
    [InlineData(1, 100)]
    [InlineData(5.477226, 50)]
    [InlineData(30, 0)]
    [InlineData(600, 0)]
    public void LatencyPoints_Seconds_FallOnALogarithmicScale(double seconds, double points) =>
        Assert.Equal(points, Scores.Of([Results.Answered(seconds, ["a"], "a")]).LatencyPoints, 4);
}
