using LlmService.Tokenizers.Patterns;

namespace LlmService.Tokenizers.Tests;

/// <summary>The scanners written by hand against the expressions that they stand for.</summary>
public sealed class KnownPatternTests
{
    private const string Alphabet = "aAbBzZsStTrReEvVmMlLdDſéÉßǅʰªºИжא中カ𝐀𝐚𠮷٣3½Ⅷ①012 \t\r\n\u0085\u00A0\u200B\u3000'’\"-_.,!?/#$+<>|«€😀👍\u0301\u0903\u20DD\uFFFD\u0001\u0378";

    public static TheoryData<string> Sources() => [.. KnownPatterns.All];

    [Theory]
    [MemberData(nameof(Sources))]
    public void Find_RandomTexts_EqualsTheExpression(string source)
    {
        TextPattern scanner = KnownPatterns.Find(source)!, expression = new RegexPattern(source);
        Random random = new(5);
        string[] characters = [.. Alphabet.EnumerateRunes().Select(rune => rune.ToString())];
        for (int round = 0; round < 4000; round++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(1, 24)).Select(_ => characters[Pick(random, characters.Length)]));
            Assert.Equal(Matches(expression, text), Matches(scanner, text));
        }
    }

    // Few different characters make runs and contractions.
    private static int Pick(Random random, int count) => random.Next(2) == 0 ? random.Next(count) : random.Next(Math.Min(count, 28));

    private static string Matches(TextPattern pattern, string text)
    {
        MatchWalk walk = new(pattern);
        List<string> found = [];
        while (walk.Next(text, out int start, out int end)) found.Add($"{start}-{end}");
        return $"{text}: {string.Join(' ', found)}";
    }
}
