using System.Diagnostics;
using System.Globalization;
using LlmService.Benchmarks.Comparison;
using LlmService.Inference;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;
using LlmService.Inference.Weights.Tiles;

namespace LlmService.Benchmarks;

/// <summary>
/// <c>engine FOLDER [--dtype F] [--threads N] [--rounds N] [--isa PATH] [--tiles FOLDER] [--load-only] [--only TEXT] [--tokens N] [--temperature T] [--top-k K] [--top-p P]</c>: tokens a second of a model folder through the engine's own queue: the prompt of 512 tokens, decoding of
/// 1, 4, 8 and 16 streams, and decoding at a context of 4,096, greedily or as the last options say. Medians with the least and the most.
/// </summary>
internal static class EngineSpeed
{
    private const int PromptTokens = 512, DefaultNewTokens = 64;
    private static readonly int[] Streams = [1, 4, 8, 16];

    public static async Task<int> RunAsync(string[] args)
    {
        string folder = args[0];
        ComputeFormat? format = Option(args, "--dtype") is { } name ? ComputeFormats.Find(name) : null;
        int threads = int.Parse(Option(args, "--threads") ?? Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        int rounds = int.Parse(Option(args, "--rounds") ?? "5", CultureInfo.InvariantCulture);
        KernelPath kernels = Option(args, "--isa") is { } isa ? Enum.Parse<KernelPath>(isa, ignoreCase: true) : KernelPaths.Best;
        using WorkerPool workers = new(threads);
        long started = Stopwatch.GetTimestamp();
        await using LlmEngine engine = LlmEngine.Load(folder, new EngineOptions
        {
            Workers = workers,
            Format = format,
            SkipTokenizer = true,
            Kernels = kernels,
            TileCache = Option(args, "--tiles") is { } tiles ? new TileCache(tiles, long.MaxValue) : null,
        });
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{Path.GetFileName(folder)}: {engine.Model.ParameterCount / 1e6:0.0} M parameters, {engine.Model.Precision}, {engine.Model.WeightBytes / 1e6:0} MB, {threads} threads, {kernels}; loaded in {Stopwatch.GetElapsedTime(started).TotalSeconds:0.00} s, {Environment.WorkingSet >> 20} MiB"));
        if (args.Contains("--load-only"))
            return 0;
        await OwnEngine.MeasureAsync(engine, 1, 16, 4);
        int newTokens = int.Parse(Option(args, "--tokens") ?? DefaultNewTokens.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        string only = Option(args, "--only") ?? "";
        SamplingParameters sampling = new() { Temperature = Number(args, "--temperature", 0), TopK = (int)Number(args, "--top-k", 0), TopP = Number(args, "--top-p", 1) };
        await ReportAsync(only, rounds, $"prompt of {PromptTokens}", async () => PromptTokens / (await OwnEngine.MeasureAsync(engine, 1, PromptTokens, 1)).First);
        foreach (int streams in Streams)
            await ReportAsync(only, rounds, $"decode, {streams} streams", async () => await DecodeAsync(engine, streams, engine.Model.IsEncoderDecoder ? 64 : 16, newTokens, sampling));
        if (!engine.Model.IsEncoderDecoder)
            await ReportAsync(only, rounds, "decode at 4096", async () => await DecodeAsync(engine, 1, 4096, newTokens, sampling));
        return 0;
    }

    /// <summary>Tokens a second from when every stream has its first one.</summary>
    private static async Task<double> DecodeAsync(LlmEngine engine, int streams, int prompt, int newTokens, SamplingParameters sampling)
    {
        EngineTimes times = await OwnEngine.MeasureAsync(engine, streams, prompt, newTokens + 1, sampling);
        return times.Count / times.Seconds;
    }

    private static async Task ReportAsync(string only, int rounds, string name, Func<Task<double>> measure)
    {
        if (!name.Contains(only, StringComparison.Ordinal))
            return;
        List<double> all = [];
        for (int i = 0; i < rounds; i++)
            all.Add(await measure());
        all.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-22} {all[rounds / 2],8:0.0} tok/s [{all[0]:0.0} .. {all[^1]:0.0}]"));
    }

    private static float Number(string[] args, string name, float otherwise) => Option(args, name) is { } text ? float.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is var at and >= 0 && at + 1 < args.Length ? args[at + 1] : null;
}
