using System.Globalization;
using System.Text;
using LlmService.Inference;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Benchmarks.Quality;

/// <summary>
/// <c>quality FOLDER... [--text FILE] [--output FILE]</c>: what the formats cost: for each model folder the mean divergence of a token's probabilities from those in floats, the
/// perplexity, and how often the most probable token is the same, beside plain rounding. A folder of folders stands for all of them.
/// </summary>
internal sealed class QualityReport(string[] paragraphs) : IDisposable
{
    private static readonly (string Name, int Bits)[] Baselines = [("q8, plain rounding", 8), ("q4, plain rounding", 4)];

    private readonly WorkerPool _workers = new(Environment.ProcessorCount);
    private readonly StringBuilder _page = new();

    public static int Run(string[] args)
    {
        Options options = new(args);
        if (options.Places.Length == 0)
        {
            Console.Error.WriteLine("quality FOLDER... [--text FILE] [--output FILE]");
            return 2;
        }
        string text = options.Text("--text") ?? Path.Combine(RepositoryFolder.Find(), "bench", "quality", "text.txt");
        using QualityReport report = new(File.ReadAllText(text).ReplaceLineEndings("\n").Split("\n\n", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        string page = report.Write(options.Places.SelectMany(Folders));
        Console.WriteLine(page);
        if (options.Text("--output") is { } output)
            File.WriteAllText(output, page);
        return 0;
    }

    public void Dispose() => _workers.Dispose();

    private static IEnumerable<string> Folders(string folder) => IsModel(folder) ? [folder] : Directory.GetDirectories(folder).Where(IsModel).Order(StringComparer.Ordinal);

    private static bool IsModel(string folder) => File.Exists(Path.Combine(folder, "config.json")) || Directory.EnumerateFiles(folder, "*.gguf").Any();

    private string Write(IEnumerable<string> folders)
    {
        _page.AppendLine("# What the formats cost").AppendLine().AppendLine("""
            Each model reads the same tokens in every format: a decoder the text of `bench/quality`, an encoder-decoder the answers that it gives itself in floats. Divergence is
            that of Kullback and Leibler, the mean over all tokens. Plain rounding, as a baseline, rounds weights in blocks of 32 by the greatest of each and computes in floats,
            while q8 and q4 round the numbers that weights are multiplied with too, to 8 bits, and those of attention to 16. The perplexity of a model that was trained on other texts is high; only differences count.

                dotnet run -c Release --project bench/Benchmarks -- quality FOLDER...
            """).AppendLine();
        _page.AppendLine("| model | format | tokens | divergence from f32, nats a token | perplexity | same first token |").AppendLine("| --- | --- | --- | --- | --- | --- |");
        foreach (string folder in folders)
        {
            string name = Path.GetFileName(Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar));
            try
            {
                WriteModel(name, folder);
            }
            catch (Exception e) when (e is InferenceException or InvalidDataException or IOException)
            {
                _page.AppendLine($"| {name} | does not run: {e.Message.ReplaceLineEndings(" ").Replace(Path.GetFullPath(folder), name, StringComparison.Ordinal)} | | | | |");
            }
        }
        return _page.ToString();
    }

    private void WriteModel(string name, string folder)
    {
        ModelSource source = ModelSource.Of(folder, null);
        ModelConfiguration configuration = source.Configuration();
        QualitySample[] samples;
        float[][] exact;
        using (ModelRunner runner = Load(folder, configuration, ComputeFormat.F32))
        {
            samples = QualitySamples.Make(source, runner, paragraphs);
            exact = [.. samples.Select(sample => QualitySamples.Logits(runner, sample))];
        }
        WriteRow(name, "f32", samples, exact, exact);
        foreach (ComputeFormat format in Enum.GetValues<ComputeFormat>().Where(format => format != ComputeFormat.F32))
            Compare(name, ComputeFormats.NameOf(format), Load(folder, configuration, format), samples, exact);
        foreach ((string baseline, int bits) in Baselines)
        {
            string copy = Directory.CreateTempSubdirectory("quality-").FullName;
            try
            {
                RoundedCopy.Write(folder, copy, bits);
                Compare(name, baseline, Load(copy, configuration, ComputeFormat.F32), samples, exact);
            }
            finally
            {
                Directory.Delete(copy, recursive: true);
            }
        }
    }

    private ModelRunner Load(string folder, ModelConfiguration configuration, ComputeFormat format) =>
        ModelLoader.Load(folder, configuration, new EngineOptions { Workers = _workers, Format = format });

    private void Compare(string name, string format, ModelRunner loaded, QualitySample[] samples, float[][] exact)
    {
        using ModelRunner runner = loaded;
        WriteRow(name, format, samples, exact, [.. samples.Select(sample => QualitySamples.Logits(runner, sample))]);
    }

    private void WriteRow(string name, string format, QualitySample[] samples, float[][] exact, float[][] others)
    {
        double divergence = 0, surprise = 0;
        int count = 0, same = 0;
        for (int i = 0; i < samples.Length; i++)
        {
            int vocabulary = exact[i].Length / samples[i].Tokens.Length;
            // The last token predicts one that nobody knows.
            for (int at = 0; at + 1 < samples[i].Tokens.Length; at++)
            {
                double[] p = LogProbabilities(exact[i].AsSpan(at * vocabulary, vocabulary)), q = LogProbabilities(others[i].AsSpan(at * vocabulary, vocabulary));
                for (int token = 0; token < vocabulary; token++)
                    divergence += Math.Exp(p[token]) * (p[token] - q[token]);
                surprise -= q[samples[i].Tokens[at + 1]];
                same += Array.IndexOf(p, p.Max()) == Array.IndexOf(q, q.Max()) ? 1 : 0;
                count++;
            }
        }
        _page.AppendLine(CultureInfo.InvariantCulture, $"| {name} | {format} | {count} | {divergence / count:0.00000} | {Math.Exp(surprise / count):0.000} | {100.0 * same / count:0.0} % |");
    }

    private static double[] LogProbabilities(ReadOnlySpan<float> logits)
    {
        double[] values = new double[logits.Length];
        double greatest = double.NegativeInfinity, sum = 0;
        foreach (float logit in logits)
            greatest = Math.Max(greatest, logit);
        foreach (float logit in logits)
            sum += Math.Exp(logit - greatest);
        double normalizer = greatest + Math.Log(sum);
        for (int i = 0; i < values.Length; i++)
            values[i] = logits[i] - normalizer;
        return values;
    }
}
