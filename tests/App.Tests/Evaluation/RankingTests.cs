namespace LlmService.App.Evaluation;

public sealed class RankingTests
{
    [Fact]
    public void All_Models_AreInTheOrderOfTheirScoresAndTheRestLast()
    {
        ModelEvaluation none = Results.NotLoaded("none"), half = Results.Evaluated("half", 1, "logo"), full = Results.Evaluated("full", 1, "logo", "brand");
        Ranking ranking = new([none, half, full]);
        Assert.Equal([full, half, none], ranking.All);
        Assert.Equal((1, 2, null), (ranking.PlaceOf(full), ranking.PlaceOf(half), ranking.PlaceOf(none)));
        Assert.Equal("full", ranking.Recommendation!.Model);
    }

    [Fact]
    public void Recommendation_BestIsNotTheFastest_SaysSo()
    {
        Ranking ranking = new([Results.Evaluated("slow", 4, "logo", "brand"), Results.Evaluated("fast", 0.5, "logo", "x", "y")]);
        Assert.Equal("slow", ranking.Recommendation!.Model);
        Assert.Contains("fast is faster (0.50 s per document)", ranking.Recommendation.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Recommendation_BestTagsAreElsewhere_SaysSo()
    {
        Ranking ranking = new([Results.Evaluated("slow", 30, "logo", "brand"), Results.Evaluated("fast", 1, "logo")]);
        Assert.Equal("fast", ranking.Recommendation!.Model);
        Assert.Contains("slow finds better tags (F1 1.00)", ranking.Recommendation.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Recommendation_BestScoreFoundNothing_IsTheNext()
    {
        Ranking ranking = new([Results.Evaluated("useless", 1, "x"), Results.Evaluated("slow", 30, "logo", "a", "b", "c", "d", "e")]);
        Assert.Equal("useless", ranking.All[0].Model);
        Assert.Equal("slow", ranking.Recommendation!.Model);
        Assert.EndsWith("No other model did.", ranking.Recommendation.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Recommendation_NothingFound_IsNone() =>
        Assert.Null(new Ranking([Results.Evaluated("a", 1, "x"), Results.Evaluated("b", 1, "y")]).Recommendation!.Model);

    [Fact]
    public void Recommendation_NothingEvaluated_IsNone() =>
        Assert.Null(new Ranking([Results.NotLoaded("a"), Results.NotLoaded("b")]).Recommendation!.Model);

    [Fact]
    public void Recommendation_OneModel_IsNotGiven() => Assert.Null(new Ranking([Results.Evaluated("a", 1, "logo")]).Recommendation);
}
