namespace LlmService.App.Evaluation;

public sealed class NormalizedTagTests
{
    [Theory]
    [InlineData("  User-Research ", "user research")]
    [InlineData("user_research", "user research")]
    [InlineData("Rate   limits", "rate limit")]
    [InlineData("privacy policies", "privacy policy")]
    [InlineData("cookies", "cookie")]
    [InlineData("APIs", "api")]
    [InlineData("branches", "branch")]
    [InlineData("caches", "cache")]
    [InlineData("boxes", "box")]
    [InlineData("classes", "class")]
    [InlineData("databases", "database")]
    public void Of_SpellingsOfOneTag_AreEqual(string left, string right) => Assert.Equal(NormalizedTag.Of(left), NormalizedTag.Of(right));

    [Theory]
    [InlineData("analysis", "analyst")]
    [InlineData("iOS", "io")]
    [InlineData("class", "clas")]
    [InlineData("log", "logo")]
    public void Of_OtherTags_Differ(string left, string right) => Assert.NotEqual(NormalizedTag.Of(left), NormalizedTag.Of(right));

    [Theory]
    [InlineData("api", "rest api", true)]
    [InlineData("privacy policy", "policy", true)]
    [InlineData("rest api design", "rest api", true)]
    [InlineData("rest design api", "rest api", false)]
    [InlineData("log", "logo", false)]
    public void Contain_Tags_ComparesWholeWords(string left, string right, bool expected) =>
        Assert.Equal(expected, NormalizedTag.Contain(NormalizedTag.Of(left), NormalizedTag.Of(right)));
}
