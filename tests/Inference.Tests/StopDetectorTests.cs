namespace LlmService.Inference;

public sealed class StopDetectorTests
{
    [Theory]
    [InlineData("hello STOP world", "STOP", "hello ", "STOP")]
    [InlineData("hello ST", "STOP", "hello ST", null)]
    [InlineData("aab", "ab", "a", "ab")]
    [InlineData("ababac", "abac", "ab", "abac")]
    [InlineData("xabc", "abc|b", "xa", "b")]
    [InlineData("xabc", "bc|abc", "x", "abc")]
    [InlineData("", "a", "", null)]
    public void Push_AnyCut_SameTextAndStop(string text, string stops, string expected, string? stopText)
    {
        for (int size = 1; size <= text.Length + 1; size++)
        {
            var detector = new StopDetector(stops.Split('|'));
            string joined = "";
            for (int start = 0; start < text.Length && detector.StopText is null; start += size)
                joined += detector.Push(text.Substring(start, Math.Min(size, text.Length - start)));
            joined += detector.Flush();

            Assert.Equal(expected, joined);
            Assert.Equal(stopText, detector.StopText);
        }
    }

    [Fact]
    public void Push_NoStops_HoldsNothingBack() => Assert.Equal("text", new StopDetector([]).Push("text"));
}
