namespace LlmService.App.Evaluation;

public sealed class BuiltInCasesTests
{
    [Fact]
    public void All_Cases_AreEightShortDocumentsThatHoldTheirTags()
    {
        Assert.Equal(8, BuiltInCases.All.Count);
        foreach (EvaluationCase one in BuiltInCases.All)
        {
            Assert.InRange(one.Text.Split(' ').Length, 120, 180);
            Assert.InRange(one.Tags.Count, 4, 6);
            Assert.All(one.Tags, tag => Assert.Contains(tag, one.Text, StringComparison.OrdinalIgnoreCase));
            Assert.True(TagComparison.Compare(one.Tags, one.Tags).IsExact);
        }
    }
}
