namespace LlmService.Tokenizers.Unicode;

/// <summary>The property Grapheme_Cluster_Break; pictographs are a value of their own. The order is the generator's.</summary>
internal enum GraphemeBreak : byte
{
    Other, CarriageReturn, LineFeed, Control, Extend, ZeroWidthJoiner, RegionalIndicator, Prepend, SpacingMark,
    L, V, T, LV, LVT, Pictographic,
}

/// <summary>Extended grapheme clusters, https://www.unicode.org/reports/tr29/.</summary>
internal static class GraphemeClusters
{
    private const byte Consonant = 1, Linker = 2, ConjunctExtend = 3;

    private static readonly byte[] Breaks = TableReader.ExpandRanges(UnicodeData.GraphemeBreaks);
    private static readonly byte[] Conjuncts = TableReader.ExpandRanges(UnicodeData.ConjunctBreaks);

    /// <summary>The end of the cluster that starts at an index.</summary>
    public static int End(ReadOnlySpan<char> text, int start)
    {
        int codePoint = CodePoints.At(text, start);
        GraphemeBreak left = (GraphemeBreak)Breaks[codePoint];
        bool pictographBefore = left == GraphemeBreak.Pictographic, joinsPictograph = false, oddRegional = left == GraphemeBreak.RegionalIndicator;
        bool consonantBefore = Conjuncts[codePoint] == Consonant, linked = false;
        int end = start + CodePoints.Utf16Length(codePoint);
        while (end < text.Length)
        {
            codePoint = CodePoints.At(text, end);
            GraphemeBreak right = (GraphemeBreak)Breaks[codePoint];
            byte conjunct = Conjuncts[codePoint];
            bool joined = Joins(left, right)
                || (joinsPictograph && right == GraphemeBreak.Pictographic)
                || (left == GraphemeBreak.RegionalIndicator && right == GraphemeBreak.RegionalIndicator && oddRegional)
                || (consonantBefore && linked && conjunct == Consonant);
            if (!joined) break;

            joinsPictograph = pictographBefore && right == GraphemeBreak.ZeroWidthJoiner;
            pictographBefore = right == GraphemeBreak.Pictographic || (pictographBefore && right == GraphemeBreak.Extend);
            oddRegional = right == GraphemeBreak.RegionalIndicator && !oddRegional;
            linked = consonantBefore && (conjunct == Linker || (linked && conjunct == ConjunctExtend));
            consonantBefore = conjunct == Consonant || (consonantBefore && conjunct is Linker or ConjunctExtend);
            left = right;
            end += CodePoints.Utf16Length(codePoint);
        }

        return end;
    }

    /// <summary>The rules GB3 to GB9b, which look at one code point on each side.</summary>
    private static bool Joins(GraphemeBreak left, GraphemeBreak right)
    {
        if (left == GraphemeBreak.CarriageReturn) return right == GraphemeBreak.LineFeed;
        if (left is GraphemeBreak.Control or GraphemeBreak.LineFeed) return false;
        if (right is GraphemeBreak.Control or GraphemeBreak.CarriageReturn or GraphemeBreak.LineFeed) return false;
        if (right is GraphemeBreak.Extend or GraphemeBreak.ZeroWidthJoiner or GraphemeBreak.SpacingMark) return true;
        return left switch
        {
            GraphemeBreak.Prepend => true,
            GraphemeBreak.L => right is GraphemeBreak.L or GraphemeBreak.V or GraphemeBreak.LV or GraphemeBreak.LVT,
            GraphemeBreak.LV or GraphemeBreak.V => right is GraphemeBreak.V or GraphemeBreak.T,
            GraphemeBreak.LVT or GraphemeBreak.T => right == GraphemeBreak.T,
            _ => false,
        };
    }
}
