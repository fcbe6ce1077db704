using System.Diagnostics;
using System.Globalization;
using System.Text;
using LlmService.Tokenizers;

namespace LlmService.Benchmarks;

/// <summary>Our tokenizers beside the format's reference, in turns, on one core: CPU time, medians and ratios.</summary>
/// <remarks><c>dotnet run -c Release --project bench/Benchmarks -- tokenizers FAMILIES [NPM] [--rounds N] [--only NAME,NAME]</c>. FAMILIES is a folder with one folder for each
/// tokenizer; NPM is a folder in which <c>npm install tokenizers</c> ran, and without it only our numbers are shown. The texts, a million bytes
/// each, are made of this repository's own pages and sources, and of Chinese and Japanese characters in random order, which no cache of words can know.</remarks>
internal sealed class TokenizerComparison
{
    private const int TextBytes = 1_000_000, BatchParts = 200;
    private const string ShortText = "The countess looked at him over her spectacles, and said nothing for a while.";

    private readonly string _root = RepositoryFolder.Find();
    private readonly string _work = Directory.CreateTempSubdirectory("tokenizer-comparison-").FullName;
    private readonly string? _package;
    private readonly int _rounds;

    private TokenizerComparison(string? package, int rounds)
    {
        _package = package;
        _rounds = rounds;
    }

    private sealed record Row(string Family, string What, double Ours, double? Theirs, string Unit);

    public static int Run(string[] args)
    {
        string? Option(string name) => Array.IndexOf(args, name) is int i and >= 0 && i + 1 < args.Length ? args[i + 1] : null;
        string[] places = [.. args.Where((a, i) => !a.StartsWith("--", StringComparison.Ordinal) && (i == 0 || !args[i - 1].StartsWith("--", StringComparison.Ordinal)))];
        if (places.Length == 0)
        {
            Console.Error.WriteLine("tokenizers FAMILIES [NPM] [--rounds N] [--only NAME,NAME]");
            return 2;
        }

        TokenizerComparison comparison = new(places.ElementAtOrDefault(1), int.Parse(Option("--rounds") ?? "7", CultureInfo.InvariantCulture));
        try
        {
            comparison.Run(places[0], Option("--only")?.Split(','));
            return 0;
        }
        finally
        {
            Directory.Delete(comparison._work, recursive: true);
        }
    }

    private void Run(string families, string[]? only)
    {
        Dictionary<string, string> texts = MakeTexts();
        Console.WriteLine($"{"family",-24} {"what",-22} {"ours",12} {"reference",12} {"ratio",8}");
        foreach (string folder in Directory.GetDirectories(families).Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(folder);
            if (only is not null && !only.Contains(name)) continue;
            byte[]? json = FamilyFile.Read(folder);
            if (json is null) continue;
            foreach (Row row in Compare(name, json, texts))
            {
                string theirs = row.Theirs is double t ? t.ToString("0.00", CultureInfo.InvariantCulture) : "-";
                string ratio = row.Theirs is > 0 ? (row.Unit == "MB/s" ? row.Ours / row.Theirs.Value : row.Theirs.Value / row.Ours).ToString("0.0", CultureInfo.InvariantCulture) + "x" : "-";
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row.Family,-24} {row.What,-22} {row.Ours,12:0.00} {theirs,12} {ratio,8}  {row.Unit}"));
            }
        }
    }

    private IEnumerable<Row> Compare(string family, byte[] json, Dictionary<string, string> texts)
    {
        string file = Path.Combine(_work, "tokenizer.json");
        File.WriteAllBytes(file, json);
        using TokenizerPeer? peer = TokenizerPeer.Start(Path.Combine(_root, "bench", "peers", "tokenizers.mjs"), _package);
        peer?.Do("open", ("path", file));
        Tokenizer tokenizer = Tokenizer.Parse(json, file);
        yield return Measure(family, "load", "ms", 1, () => tokenizer = Tokenizer.Parse(json, file), () => peer?.Do("load").CpuMilliseconds);
        int[] ids = [];
        foreach ((string kind, string text) in texts)
        {
            string path = Path.Combine(_work, kind + ".txt");
            File.WriteAllText(path, text);
            peer?.Do("text", ("path", path));
            double megabytes = System.Text.Encoding.UTF8.GetByteCount(text) / 1e6;
            int expected = peer?.Do("encode").Tokens ?? -1;
            ids = [.. tokenizer.Encode(text, SpecialTokens.Skip).Ids];
            if (expected >= 0 && expected != ids.Length) Console.WriteLine($"{family}: {kind} gives {ids.Length} tokens, {expected} in the reference");
            yield return Measure(family, $"encode {kind}", "MB/s", megabytes, () => tokenizer.Encode(text, SpecialTokens.Skip), () => peer?.Do("encode").CpuMilliseconds);
            if (kind != "prose") continue;
            yield return Measure(family, "decode prose", "MB/s", megabytes, () => tokenizer.Decode(ids), () => peer?.Do("decode").CpuMilliseconds);
            string[] parts = [.. text.Chunk((text.Length + BatchParts - 1) / BatchParts).Select(part => new string(part))];
            yield return Measure(family, "batch on all cores", "MB/s", megabytes, () => tokenizer.EncodeBatch(parts), () => peer?.Do("batch", ("parts", BatchParts)).WallMilliseconds, wall: true);
            string shortPath = Path.Combine(_work, "short.txt");
            File.WriteAllText(shortPath, ShortText);
            peer?.Do("text", ("path", shortPath));
            yield return Measure(family, "20 tokens, 1000 times", "ms", 1, () => Repeat(tokenizer), () => peer?.Do("encode", ("times", 1000)).CpuMilliseconds);
            yield return new Row(family, "bytes allocated", Allocated(tokenizer), null, "a call of 20 tokens");
        }
    }

    private static void Repeat(Tokenizer tokenizer)
    {
        for (int i = 0; i < 1000; i++) tokenizer.Encode(ShortText, SpecialTokens.Skip);
    }

    private static double Allocated(Tokenizer tokenizer)
    {
        Repeat(tokenizer);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Repeat(tokenizer);
        return (GC.GetAllocatedBytesForCurrentThread() - before) / 1000.0;
    }

    private Row Measure(string family, string what, string unit, double megabytes, Action ours, Func<double?> theirs, bool wall = false)
    {
        List<double> mine = [], peers = [];
        for (int round = -1; round < _rounds; round++)
        {
            double own = Time(ours, wall);
            double? other = theirs();
            // The first round warms both up.
            if (round < 0) continue;
            mine.Add(own);
            if (other is double value) peers.Add(value);
        }

        double Value(List<double> milliseconds) => unit == "MB/s" ? megabytes / Median(milliseconds) * 1000 : Median(milliseconds);
        return new Row(family, what, Value(mine), peers.Count > 0 ? Value(peers) : null, unit);
    }

    /// <summary>The CPU time of all threads in milliseconds, so that other programs do not count; or the time that passes.</summary>
    private static double Time(Action work, bool wall)
    {
        using Process process = Process.GetCurrentProcess();
        TimeSpan before = process.TotalProcessorTime;
        long clock = Stopwatch.GetTimestamp();
        work();
        if (wall) return Stopwatch.GetElapsedTime(clock).TotalMilliseconds;
        process.Refresh();
        return (process.TotalProcessorTime - before).TotalMilliseconds;
    }

    private static double Median(List<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    private Dictionary<string, string> MakeTexts() => new()
    {
        ["prose"] = Fill([.. Files("*.md"), .. Directory.GetFiles(Path.Combine(_root, "tools"), "*.txt", SearchOption.AllDirectories)]),
        ["code"] = Fill([.. Files("*.cs")]),
        ["CJK"] = MakeCjk(),
    };

    private static readonly string[] SourceFolders = ["docs", "src", "tests"];

    private IEnumerable<string> Files(string pattern) => SourceFolders
        .SelectMany(folder => Directory.GetFiles(Path.Combine(_root, folder), pattern, SearchOption.AllDirectories))
        .Where(path => !path.Contains(".g.cs", StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    private static string Fill(string[] files)
    {
        StringBuilder text = new();
        while (text.Length < TextBytes)
            foreach (string file in files) text.Append(File.ReadAllText(file));
        return text.ToString(0, TextBytes);
    }

    private static string MakeCjk()
    {
        Random random = new(1);
        StringBuilder text = new();
        while (text.Length < TextBytes / 3)
        {
            for (int i = random.Next(5, 40); i > 0; i--)
                text.Append(random.Next(4) == 0 ? (char)random.Next(0x3042, 0x3094) : (char)(0x4E00 + (int)(Math.Pow(random.NextDouble(), 3) * 0x3000)));
            text.Append(random.Next(8) == 0 ? "。\n" : "，");
        }

        return text.ToString();
    }
}
