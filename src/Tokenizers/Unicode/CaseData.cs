namespace LlmService.Tokenizers.Unicode;

/// <summary>Lower case, and which characters are the same when case does not count.</summary>
internal static class CaseData
{
    /// <summary>The one code point whose lower case is two: i and a dot above.</summary>
    public const int CapitalIWithDot = 0x130, DotAbove = 0x307;

    private static readonly Lazy<Dictionary<int, int>> LowerCase = new(() => TableReader.ReadMapping(UnicodeData.LowerCase));
    private static readonly Lazy<Dictionary<int, int[]>> Equivalents = new(ReadEquivalents);

    /// <summary>The lower case of one code point, without regard to its neighbours; that of <see cref="CapitalIWithDot"/> is its first part.</summary>
    public static int Lower(int codePoint)
    {
        if (codePoint < 0x80) return codePoint is >= 'A' and <= 'Z' ? codePoint | 0x20 : codePoint;
        return codePoint == CapitalIWithDot ? 'i' : LowerCase.Value.GetValueOrDefault(codePoint, codePoint);
    }

    /// <summary>All code points that fold to the same one, this one among them; empty when it is alone.</summary>
    public static ReadOnlySpan<int> SameFolding(int codePoint) => Equivalents.Value.GetValueOrDefault(codePoint);

    private static Dictionary<int, int[]> ReadEquivalents()
    {
        Dictionary<int, int> folding = TableReader.ReadMapping(UnicodeData.Folding);
        Dictionary<int, int[]> result = [];
        foreach (IGrouping<int, int> group in folding.Keys.GroupBy(point => folding[point]))
        {
            int[] all = [group.Key, .. group];
            foreach (int point in all) result[point] = all;
        }

        return result;
    }
}
