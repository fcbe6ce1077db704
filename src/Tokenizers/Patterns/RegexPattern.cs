using System.Text.RegularExpressions;
using LlmService.Tokenizers.Patterns.Oniguruma;

namespace LlmService.Tokenizers.Patterns;

/// <summary>Any regular expression, translated for .NET's engine, with a time limit. The engine's mode that never goes back would need none, but it
/// overlooks matches: <c>[ ]?[^(\s]+</c> finds nothing in "(int".</summary>
internal sealed class RegexPattern : TextPattern
{
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(10);

    private readonly string _source;
    private readonly PatternWriter _writer;
    private readonly Regex _regex;

    /// <summary>Translates an expression.</summary>
    /// <exception cref="FormatException">It is wrong, or uses what this library does not know.</exception>
    public RegexPattern(string source)
    {
        _source = source;
        _writer = new PatternWriter(PatternParser.Parse(source));
        _regex = new Regex(_writer.Pattern, RegexOptions.CultureInvariant, TimeLimit);
    }

    public override bool NeedsStandIns => true;

    public override char StandInOf(int codePoint) => _writer.StandInOf(codePoint);

    public override bool Find(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        try
        {
            foreach (ValueMatch match in _regex.EnumerateMatches(text, from))
            {
                start = match.Index;
                end = start + match.Length;
                return true;
            }
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new TokenizerException(TokenizerFailure.Unsupported,
                $"The regular expression '{_source}' of the tokenizer took more than {TimeLimit.TotalSeconds} seconds on a text: shorten the text, or correct the expression.", e);
        }

        start = end = 0;
        return false;
    }
}
