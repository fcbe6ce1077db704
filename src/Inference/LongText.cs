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
        if (text.Length <= Math.Max(WindowCharacters, (long)CharactersPerToken * mostTokens))
            return false;
        long left = mostTokens;
        for (int start = 0; left >= 0 && start < text.Length; start += WindowCharacters)
        {
            string window = text.Substring(start, Math.Min(WindowCharacters, text.Length - start));
            left -= Math.Max(0, tokenizer.Encode(window, SpecialTokens.Skip).Count - TokensOfACut);
        }
        return left < 0;
    }
}
