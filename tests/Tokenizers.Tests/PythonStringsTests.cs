namespace LlmService.Tokenizers.Tests;

public sealed class PythonStringsTests
{
    [Theory]
    [InlineData(" \t\na b\u00A0\u2028", "a b")]
    [InlineData("\u001Ca\u001F", "a")]
    [InlineData("\u200Ba", "\u200Ba")]
    [InlineData("   ", "")]
    [InlineData("", "")]
    public void Strip_EndsOfAText_LoseWhatPythonCallsWhiteSpace(string text, string expected) => Assert.Equal(expected, PythonStrings.Strip(text));

    [Theory]
    [InlineData("One TWO", "one two")]
    [InlineData("ΟΔΟΣ", "οδος")]
    [InlineData("İ", "i\u0307")]
    [InlineData("ÄÖÜẞ", "äöüß")]
    public void Lower_Text_IsThatOfPython(string text, string expected) => Assert.Equal(expected, PythonStrings.Lower(text));
}
