using System.Collections.Concurrent;
using System.Globalization;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Patterns.Oniguruma;

/// <summary>The sets that a regular expression names: categories, scripts, properties, POSIX classes.</summary>
internal static class NamedSets
{
    /// <summary>Short and long names of the categories; the order is that of <see cref="UnicodeCategory"/>.</summary>
    private static readonly string[] CategoryNames =
    [
        "lu uppercaseletter", "ll lowercaseletter", "lt titlecaseletter", "lm modifierletter", "lo otherletter", "mn nonspacingmark",
        "mc spacingmark", "me enclosingmark", "nd decimalnumber", "nl letternumber", "no othernumber", "zs spaceseparator", "zl lineseparator",
        "zp paragraphseparator", "cc control", "cf format", "cs surrogate", "co privateuse", "pc connectorpunctuation", "pd dashpunctuation",
        "ps openpunctuation", "pe closepunctuation", "pi initialpunctuation", "pf finalpunctuation", "po otherpunctuation", "sm mathsymbol",
        "sc currencysymbol", "sk modifiersymbol", "so othersymbol", "cn unassigned",
    ];

    /// <summary>Long names of the groups of categories.</summary>
    private static readonly Dictionary<string, string> Groups = new(StringComparer.Ordinal)
    {
        ["letter"] = "l",
        ["mark"] = "m",
        ["combiningmark"] = "m",
        ["number"] = "n",
        ["punctuation"] = "p",
        ["punct"] = "p",
        ["symbol"] = "s",
        ["separator"] = "z",
        ["other"] = "c",
    };

    private static readonly ConcurrentDictionary<string, CodePointSet?> Known = new(StringComparer.Ordinal);

    /// <summary>What <c>\w</c> and <c>\b</c> mean: <c>[[:word:]]</c>, and the digits and fractions of Latin-1.</summary>
    public static CodePointSet Word { get; } = Find("word")!.Union(CodePointSet.Of((0xB2, 0xB3), (0xB9, 0xB9), (0xBC, 0xBE)));

    public static CodePointSet Digit => Find("nd")!;

    public static CodePointSet Space => Find("space")!;

    public static CodePointSet HexDigit => Find("xdigit")!;

    /// <summary>The set of a name as <c>\p{..}</c> has it, or null.</summary>
    public static CodePointSet? Find(string name) => Known.GetOrAdd(Normalize(name), Make);

    /// <summary>The set of a name as <c>[:..:]</c> has it, or null. Punctuation takes the symbols in there.</summary>
    public static CodePointSet? FindPosix(string name) => name switch
    {
        "punct" => Find("p")!.Union(Find("s")!),
        "alnum" or "alpha" or "ascii" or "blank" or "cntrl" or "digit" or "graph" or "lower" or "print" or "space" or "upper" or "xdigit" or "word" => Find(name),
        _ => null,
    };

    private static string Normalize(string name) =>
        name.Replace("_", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal).ToLowerInvariant();

    private static CodePointSet? Make(string name)
    {
        name = Groups.GetValueOrDefault(name, name);
        int category = Array.FindIndex(CategoryNames, names => names.Split(' ').Contains(name));
        if (category >= 0) return CodePointSet.Where(c => (int)CodePoints.Category(c) == category);
        if (name.Length == 1 && "lmnpszc".Contains(name[0], StringComparison.Ordinal))
            return CodePointSet.Where(c => CategoryNames[(int)CodePoints.Category(c)][0] == name[0]);
        return MakeProperty(name) ?? MakeScript(name);
    }

    private static CodePointSet? MakeProperty(string name) => name switch
    {
        "any" => CodePointSet.All,
        "assigned" => Find("cn")!.Negate(),
        "ascii" => CodePointSet.Of((0, 0x7F)),
        "alpha" or "alphabetic" => Property(CharacterProperties.Alphabetic),
        "lower" or "lowercase" => Property(CharacterProperties.Lowercase),
        "upper" or "uppercase" => Property(CharacterProperties.Uppercase),
        "emoji" => Property(CharacterProperties.Emoji),
        "digit" => Find("nd"),
        "alnum" => Find("alpha")!.Union(Find("nd")!),
        "space" or "whitespace" => CodePointSet.Where(CodePoints.IsWhiteSpace),
        "blank" => Find("zs")!.Union(CodePointSet.Of('\t')),
        "cntrl" => Find("cc"),
        "xdigit" or "asciihexdigit" or "ahex" => CodePointSet.Of(('0', '9'), ('A', 'F'), ('a', 'f')),
        "word" => Find("alpha")!.Union(Find("m")!).Union(Find("nd")!).Union(Find("pc")!),
        "graph" => Find("space")!.Union(Find("cc")!).Union(Find("cn")!).Union(Find("cs")!).Negate(),
        "print" => Find("graph")!.Union(Find("zs")!).Except(Find("cc")!),
        "lc" or "casedletter" => Find("lu")!.Union(Find("ll")!).Union(Find("lt")!),
        _ => null,
    };

    private static CodePointSet Property(CharacterProperties property) => CodePointSet.Where(c => (CharacterData.Of(c) & property) != 0);

    private static CodePointSet? MakeScript(string name)
    {
        int script = Array.FindIndex(CharacterData.ScriptNames, known => known.Length > 0 && Normalize(known) == name);
        return script < 0 ? null : CodePointSet.Where(c => CharacterData.Script(c) == script);
    }
}
