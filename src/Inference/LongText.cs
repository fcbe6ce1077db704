using LlmService.Tokenizers;

namespace LlmService.Inference;

/// <summary>
/// Tells a text that a model can never read by a part of it. The tokens of a text take a hundred times its memory, and a request may have megabytes of text: to tokenize all of it, only to say
/// that it is too long, would let a few clients fill the machine.
/// </summary>
internal static class LongText
{
    // Long enough for its tokens to say something, short enough for them to take a few megabytes.
    private const int WindowCharacters = 1 << 16;

    // A text that fits seldom has more; a shorter one is tokenized once and counted.
    private const int CharactersPerToken = 8;

    // What a cut in the middle of a word may add.
    private const int TokensOfACut = 256;

    /// <summary>Whether a text has more tokens than there is room for. False where only all of its tokens can tell.</summary>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="text">The text.</param>
    /// <param name="mostTokens">What the model reads at most.</param>
    public static bool Exceeds(Tokenizer tokenizer, string text, int mostTokens)
    {
        if (text.Length <= Usual(mostTokens))
            return false;
        long left = mostTokens;
        for (int start = 0; left >= 0 && start < text.Length; start += WindowCharacters)
        {
            string window = text.Substring(start, Math.Min(WindowCharacters, text.Length - start));
            left -= Math.Max(0, tokenizer.Encode(window, SpecialTokens.Skip).Count - TokensOfACut);
        }
        return left < 0;
    }

    /// <summary>As much of a text as its first tokens are made of: all of it where only all of it can tell. A few tokens more are kept, since the last ones may be cut in the middle of a word.</summary>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="text">The text.</param>
    /// <param name="tokens">How many tokens are needed.</param>
    public static string Beginning(Tokenizer tokenizer, string text, int tokens)
    {
        long usual = Usual(tokens);
        if (text.Length <= usual)
            return text;
        string beginning = text[..(int)usual];
        return tokenizer.Encode(beginning, SpecialTokens.Skip).Count > tokens + TokensOfACut ? beginning : text;
    }

    private static long Usual(int tokens) => Math.Max(WindowCharacters, (long)CharactersPerToken * tokens);
}
