namespace LlmService.Tokenizers.Unicode;

/// <summary>Decompositions, compositions and combining classes.</summary>
internal static class NormalizationData
{
    private const int HangulBase = 0xAC00, LBase = 0x1100, VBase = 0x1161, TBase = 0x11A7, VCount = 21, TCount = 28, HangulCount = 19 * VCount * TCount;

    private static readonly Dictionary<int, int[]> Canonical = ReadDecompositions(UnicodeData.CanonicalDecompositions);
    private static readonly Dictionary<int, int[]> Compatibility = ReadDecompositions(UnicodeData.CompatibilityDecompositions);
    private static readonly Dictionary<(int First, int Second), int> Composites = ReadCompositions();
    private static readonly Dictionary<int, byte> Classes = ReadClasses();

    public static int CombiningClass(int codePoint) => codePoint < 0x300 ? 0 : Classes.GetValueOrDefault(codePoint);

    /// <summary>Appends the full decomposition of a code point: its first part in its place, the others new.</summary>
    public static void Decompose(int codePoint, bool compatible, PooledList<TextChange> output)
    {
        if (codePoint < 0xA0)
        {
            output.Add(new TextChange(codePoint, 0));
            return;
        }

        int hangul = codePoint - HangulBase;
        if (hangul is >= 0 and < HangulCount)
        {
            output.Add(new TextChange(LBase + hangul / (VCount * TCount), 0));
            output.Add(new TextChange(VBase + hangul % (VCount * TCount) / TCount, 1));
            if (hangul % TCount != 0) output.Add(new TextChange(TBase + hangul % TCount, 1));
        }
        else if ((compatible && Compatibility.TryGetValue(codePoint, out int[]? parts)) || Canonical.TryGetValue(codePoint, out parts))
        {
            for (int i = 0; i < parts.Length; i++) output.Add(new TextChange(parts[i], i > 0 ? 1 : 0));
        }
        else
        {
            output.Add(new TextChange(codePoint, 0));
        }
    }

    /// <summary>The composite of two code points, or -1.</summary>
    public static int Compose(int first, int second)
    {
        if (first - LBase is >= 0 and < 19 && second - VBase is >= 0 and < VCount)
            return HangulBase + ((first - LBase) * VCount + (second - VBase)) * TCount;
        if (first - HangulBase is >= 0 and < HangulCount && (first - HangulBase) % TCount == 0 && second - TBase is > 0 and < TCount)
            return first + (second - TBase);
        return Composites.GetValueOrDefault((first, second), -1);
    }

    private static Dictionary<int, int[]> ReadDecompositions(string table)
    {
        Dictionary<int, int[]> result = [];
        TableReader reader = new(table);
        int point = 0;
        while (!reader.AtEnd)
        {
            point += reader.Next();
            int[] parts = new int[reader.Next()];
            for (int i = 0; i < parts.Length; i++) parts[i] = reader.Next();
            result.Add(point, parts);
        }

        return result;
    }

    private static Dictionary<(int First, int Second), int> ReadCompositions()
    {
        Dictionary<(int First, int Second), int> result = [];
        TableReader reader = new(UnicodeData.Compositions);
        int point = 0;
        while (!reader.AtEnd)
        {
            point += reader.Next();
            result.Add((reader.Next(), reader.Next()), point);
        }

        return result;
    }

    private static Dictionary<int, byte> ReadClasses()
    {
        Dictionary<int, byte> result = [];
        TableReader reader = new(UnicodeData.CombiningClasses);
        int point = 0;
        while (!reader.AtEnd)
        {
            point += reader.Next();
            result.Add(point, (byte)reader.Next());
        }

        return result;
    }
}
