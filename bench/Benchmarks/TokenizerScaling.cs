using System.Globalization;
using LlmService.Tokenizers;

namespace LlmService.Benchmarks;

/// <summary>How the time of encoding grows with the text: each text once, twice and four times as long, in CPU time, medians, and the ratio from the shortest to the longest.</summary>
/// <remarks><c>dotnet run -c Release --project bench/Benchmarks -- tokenizer-scaling FAMILIES [CHARACTERS] [--only NAME,NAME]</c>. CHARACTERS is the length of the longest text
/// without spaces; that of one character is a fifth of it. Where the time is proportional, the ratio is near 4.</remarks>
internal static class TokenizerScaling
{
    private const int Rounds = 3;
    private static readonly int[] Parts = [4, 2, 1];

    public static int Run(string[] args)
    {
        if (args.Length == 0)
        {
            Console.Error.WriteLine("tokenizer-scaling FAMILIES [CHARACTERS] [--only NAME,NAME]");
            return 2;
        }

        int only = Array.IndexOf(args, "--only");
        string[]? names = only > 0 ? args[only + 1].Split(',') : null;
        int characters = args.Length > 1 && only != 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 5_000_000;
        Console.WriteLine($"{"family",-24} {"text",-18} {"characters",11} {"n/4",9} {"n/2",9} {"n",9} {"n : n/4",9}");
        foreach (string folder in Directory.GetDirectories(args[0]).Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(folder);
            if (names is not null && !names.Contains(name)) continue;
            if (FamilyFile.Read(folder) is not byte[] json) continue;
            Tokenizer tokenizer = Tokenizer.Parse(json, folder);
            foreach ((string what, string text) in Texts(characters)) Show(name, what, text, tokenizer);
        }

        return 0;
    }

    private static IEnumerable<(string What, string Text)> Texts(int characters)
    {
        Random random = new(1);
        yield return ("random letters", Fill(characters, _ => (char)('a' + random.Next(26))));
        yield return ("words, no spaces", Fill(characters, i => "thequickbrownfoxjumpsoverthelazydogandnobodysawit"[(int)(i * 7919L / 5 % 49)]));
        yield return ("Chinese", Fill(characters, _ => (char)(0x4E00 + random.Next(0x3000))));
        yield return ("one letter", new string('a', characters / 5));
        yield return ("one space", new string(' ', characters / 5));
        yield return ("one mark", new string('!', characters / 5));
        yield return ("one accent", "e" + new string('\u0301', characters / 5));
        yield return ("one emoji", string.Concat(Enumerable.Repeat("😀", characters / 10)));
        yield return ("unknown to most", new string('\u0E5B', characters / 5));
    }

    private static string Fill(int length, Func<int, char> next) =>
        string.Create(length, next, (span, make) =>
        {
            for (int i = 0; i < span.Length; i++) span[i] = make(i);
        });

    private static void Show(string family, string what, string text, Tokenizer tokenizer)
    {
        double[] times = [.. Parts.Select(part => Measure(tokenizer, text[..(text.Length / part / 2 * 2)]))];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{family,-24} {what,-18} {text.Length,11} {times[0],6:0} ms {times[1],6:0} ms {times[2],6:0} ms {times[2] / Math.Max(times[0], 0.1),9:0.0}"));
    }

    private static double Measure(Tokenizer tokenizer, string text)
    {
        List<double> milliseconds = [];
        for (int round = 0; round < Rounds; round++)
        {
            TimeSpan before = Environment.CpuUsage.TotalTime;
            tokenizer.Encode(text, SpecialTokens.Skip);
            milliseconds.Add((Environment.CpuUsage.TotalTime - before).TotalMilliseconds);
        }

        return milliseconds.Order().ElementAt(Rounds / 2);
    }
}
