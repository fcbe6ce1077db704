namespace LlmService.App.Evaluation;

public sealed class TagComparisonTests
{
    [Fact]
    public void Compare_SomeFound_HasTheValuesOfAPocketCalculator()
    {
        TagComparison comparison = TagComparison.Compare(["message queue", "database", "scalability", "events"], ["Databases", "queue", "holidays"]);
        Assert.Equal([new("database", "Databases"), new("message queue", "queue")], comparison.Matched);
        Assert.Equal(["scalability", "events"], comparison.Missing);
        Assert.Equal(["holidays"], comparison.Extra);
        Assert.Equal(2.0 / 3, comparison.Precision, 12);
        Assert.Equal(2.0 / 4, comparison.Recall, 12);
        Assert.Equal(4.0 / 7, comparison.F1, 12);
        Assert.False(comparison.IsExact);
    }

    [Fact]
    public void Compare_OneTagInTwoExpected_CountsOnce()
    {
        TagComparison comparison = TagComparison.Compare(["data protection", "data retention"], ["data"]);
        Assert.Equal([new("data protection", "data")], comparison.Matched);
        Assert.Equal(0.5, comparison.Recall);
    }

    [Fact]
    public void Compare_EqualAndContaining_PrefersTheEqualOne()
    {
        TagComparison comparison = TagComparison.Compare(["budget", "advertising budget"], ["advertising budget", "budgets"]);
        Assert.Equal([new("budget", "budgets"), new("advertising budget", "advertising budget")], comparison.Matched);
        Assert.True(comparison.IsExact);
    }

    [Fact]
    public void Compare_Containing_IsFoundButNotExact()
    {
        TagComparison comparison = TagComparison.Compare(["logo"], ["company logo"]);
        Assert.Equal(1, comparison.F1);
        Assert.False(comparison.IsExact);
    }

    [Fact]
    public void Compare_SameTagTwice_IsOneTag() => Assert.Equal(1, TagComparison.Compare(["cookies"], ["cookie", "Cookies"]).Precision);

    [Fact]
    public void Compare_NoTags_IsZero()
    {
        TagComparison comparison = TagComparison.Compare(["logo"], []);
        Assert.Equal((0.0, 0.0, 0.0, false), (comparison.Precision, comparison.Recall, comparison.F1, comparison.IsExact));
    }
}
