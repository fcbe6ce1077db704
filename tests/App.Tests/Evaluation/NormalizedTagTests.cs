namespace LlmService.App.Evaluation;

public sealed class NormalizedTagTests
{
    [Theory]
    [InlineData("  User-Research ", "user research")]
    [InlineData("user_research", "user research")]
    [InlineData("Rate   limits", "rate limit")]
    [InlineData("privacy policies", "privacy policy")]
    [InlineData("APIs", "api")]
    [InlineData("branches", "branch")]
    [InlineData("databases", "database")]
    [InlineData("analysis", "analysis")]
    [InlineData("status of a class", "status of a class")]
    [InlineData("ties", "tie")]
    [InlineData("gas", "gas")]
    [InlineData(" - ", "")]
    public void Of_Tag_IsLowerCaseSingularWithoutHyphens(string tag, string expected) =>
        Assert.Equal(expected, NormalizedTag.Of(tag).Text);

    [Theory]
    [InlineData("api", "rest api", true)]
    [InlineData("privacy policy", "policy", true)]
    [InlineData("rest api design", "rest api", true)]
    [InlineData("rest design api", "rest api", false)]
    [InlineData("log", "logo", false)]
    public void Contain_Tags_ComparesWholeWords(string left, string right, bool expected) =>
        Assert.Equal(expected, NormalizedTag.Contain(NormalizedTag.Of(left), NormalizedTag.Of(right)));
}
