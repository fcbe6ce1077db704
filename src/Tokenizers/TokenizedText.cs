using LlmService.Tokenizers.Models;

namespace LlmService.Tokenizers;

/// <summary>The tokens of one text, or of its part that a truncation left.</summary>
internal sealed class TokenizedText
{
    public string Text { get; private set; } = "";

    public TokenBuffer Tokens { get; } = new();

    /// <summary>The first token that counts.</summary>
    public int Start { get; private set; }

    /// <summary>The end of the tokens that count.</summary>
    public int End { get; private set; }

    public int Count => End - Start;

    /// <summary>Takes all tokens of a text.</summary>
    public void Reset(string text)
    {
        Text = text;
        Start = 0;
        End = Tokens.Count;
    }

    /// <summary>How many tokens there are up to the end of the word that reaches a number of tokens.</summary>
    public int Seen(int enough, TruncationDirection direction)
    {
        if (enough >= Count) return Count;
        ReadOnlySpan<int> words = Tokens.Words[Start..End];
        int seen = Math.Max(enough, 1);
        if (direction == TruncationDirection.Right)
            while (seen < words.Length && words[seen] == words[seen - 1]) seen++;
        else
            while (seen < words.Length && words[^(seen + 1)] == words[^seen]) seen++;
        return seen;
    }

    /// <summary>Leaves so many tokens, the first ones or the last ones.</summary>
    public void Keep(int count, TruncationDirection direction)
    {
        if (count >= Count) return;
        if (direction == TruncationDirection.Right) End = Start + count;
        else Start = End - count;
    }

    /// <summary>Gives the buffers back.</summary>
    public void Release()
    {
        Tokens.Release();
        Text = "";
    }
}
