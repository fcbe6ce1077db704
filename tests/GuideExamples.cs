namespace LlmService;

/// <summary>Compares a page of the documentation with the tests that its examples are the bodies of.</summary>
internal static class GuideExamples
{
    /// <summary>Checks that page and tests have the same examples, and that none of the page's escapes.</summary>
    public static void AssertSame(string sourceFile, string page)
    {
        string[] lines = File.ReadAllLines(page);
        SortedDictionary<string, string> shown = Read(lines, "<!-- example: ", "```", skip: 1);
        Assert.Equal(Read(File.ReadAllLines(sourceFile), "// example: ", "// end", skip: 0), shown);
        Assert.Equal(lines.Count(line => line == "```csharp"), shown.Count);
    }

    /// <summary>The examples by name, without the indentation of their first line.</summary>
    private static SortedDictionary<string, string> Read(string[] lines, string begin, string end, int skip)
    {
        var examples = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < lines.Length; i++)
        {
            if (!lines[i].TrimStart().StartsWith(begin, StringComparison.Ordinal))
                continue;
            string name = lines[i].TrimStart()[begin.Length..].Split(' ')[0];
            string[] body = [.. lines.Skip(i + 1 + skip).TakeWhile(line => line.Trim() != end)];
            int indent = body[0].Length - body[0].TrimStart().Length;
            examples.Add(name, string.Join('\n', body.Select(line => line.Length > indent ? line[indent..] : line.Trim())));
        }
        return examples;
    }
}
