namespace LlmService.App.Tasks;

/// <summary>Finds where a text may be cut.</summary>
internal static class TextBoundary
{
    private const int MaxClosers = 3;

    /// <summary>The best place for a cut: the last paragraph end, else sentence end, else word end, else character end.
    /// All but the last are looked for in the second half, so that parts are not made needlessly short.</summary>
    /// <param name="text">The text.</param>
    /// <param name="start">Where the part begins.</param>
    /// <param name="reach">Where it must end at the latest.</param>
    /// <returns>A place behind <paramref name="start"/>, at most one behind <paramref name="reach"/> where that divides the only character.</returns>
    public static int Last(string text, int start, int reach)
    {
        if (reach >= text.Length)
            return text.Length;
        int lowest = start + ((reach - start) / 2);
        return Find(text, lowest, reach, IsParagraphEnd)
            ?? Find(text, lowest, reach, IsSentenceEnd)
            ?? Find(text, lowest, reach, IsWordEnd)
            ?? CharacterEnd(text, start, reach);
    }

    private static int? Find(string text, int lowest, int reach, Func<string, int, bool> isEnd)
    {
        for (int place = reach; place > lowest; place--)
        {
            if (isEnd(text, place))
                return place;
        }
        return null;
    }

    // After a blank line.
    private static bool IsParagraphEnd(string text, int place)
    {
        if (text[place - 1] != '\n')
            return false;
        int before = place - 2;
        while (before >= 0 && text[before] is ' ' or '\t' or '\r')
            before--;
        return before >= 0 && text[before] == '\n';
    }

    // Where the next sentence begins. Chinese and Japanese put no space between sentences.
    private static bool IsSentenceEnd(string text, int place)
    {
        if (char.IsWhiteSpace(text[place]))
            return false;
        int before = place - 1;
        bool isSpaced = char.IsWhiteSpace(text[before]);
        while (before >= 0 && char.IsWhiteSpace(text[before]))
            before--;
        for (int closers = 0; closers < MaxClosers && before >= 0 && IsCloser(text[before]); closers++)
            before--;
        if (before < 0)
            return false;
        bool isWide = text[before] is '。' or '！' or '？';
        return isSpaced ? isWide || text[before] is '.' or '!' or '?' or '…' : isWide && !IsCloser(text[place]);
    }

    private static bool IsWordEnd(string text, int place) => char.IsWhiteSpace(text[place - 1]) && !char.IsWhiteSpace(text[place]);

    private static int CharacterEnd(string text, int start, int reach)
    {
        if (!char.IsSurrogatePair(text[reach - 1], text[reach]))
            return reach;
        return reach - 1 > start ? reach - 1 : reach + 1;
    }

    private static bool IsCloser(char c) => c is '"' or '\'' or ')' or ']' or '”' or '’' or '»' or '」' or '』' or '）' or '】' or '》';
}
