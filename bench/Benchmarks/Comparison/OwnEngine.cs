using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmService.Inference;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Benchmarks.Comparison;

/// <summary><c>own-engine</c>: our engine as a process of the comparison; requests go through the engine's own queue, as those of the service do.</summary>
internal static class OwnEngine
{
    public static async Task<int> RunAsync()
    {
        LlmEngine? engine = null;
        while (Console.ReadLine() is { } line)
        {
            using JsonDocument command = JsonDocument.Parse(line);
            JsonObject answer;
            if (command.RootElement.GetProperty("do").GetString() == "open")
            {
                engine = Open(command.RootElement);
                answer = new JsonObject { ["version"] = $"{engine.Model.Precision}, {engine.Model.WeightBytes / 1e6:0} MB, {KernelPaths.Best}" };
            }
            else
            {
                answer = await GenerateAsync(engine!, command.RootElement);
            }
            Console.WriteLine(answer.ToJsonString());
        }
        if (engine is not null)
            await engine.DisposeAsync();
        return 0;
    }

    // The workers live as long as the process.
    private static LlmEngine Open(JsonElement command) => LlmEngine.Load(command.GetProperty("folder").GetString()!, new EngineOptions
    {
        Workers = new WorkerPool(command.GetProperty("threads").GetInt32()),
        Format = ComputeFormats.Find(command.GetProperty("format").GetString()!),
        SkipTokenizer = true,
    });

    private static async Task<JsonObject> GenerateAsync(LlmEngine engine, JsonElement command)
    {
        EngineTimes times = await MeasureAsync(engine, command.GetProperty("streams").GetInt32(), command.GetProperty("prompt").GetInt32(), command.GetProperty("tokens").GetInt32());
        return new JsonObject { ["first"] = times.First, ["count"] = times.Count, ["seconds"] = times.Seconds };
    }

    /// <summary>Some streams at once, each with a prompt of its own; greedy where nothing else is said.</summary>
    public static async Task<EngineTimes> MeasureAsync(LlmEngine engine, int streams, int prompt, int tokens, SamplingParameters? sampling = null)
    {
        long started = Stopwatch.GetTimestamp();
        double[][] times = await Task.WhenAll(Enumerable.Range(0, streams).Select(stream => StreamAsync(engine, stream, prompt, tokens, sampling ?? new(), started)));
        double first = times.Max(stream => stream[0]);
        double[] later = [.. times.SelectMany(stream => stream).Where(time => time > first)];
        return new EngineTimes(first, later.Length, later.Length > 0 ? later.Max() - first : 0);
    }

    private static async Task<double[]> StreamAsync(LlmEngine engine, int stream, int prompt, int tokens, SamplingParameters sampling, long started)
    {
        GenerationRequest request = new()
        {
            PromptTokenIds = [.. Enumerable.Range(0, prompt).Select(i => 3 + (i * 37 + stream) % 1000)],
            MaxTokens = tokens,
            Sampling = sampling,
            IgnoreEndTokens = true,
        };
        List<double> times = new(tokens);
        await foreach (GenerationUpdate update in engine.GenerateAsync(request, CancellationToken.None))
        {
            for (int i = 0; i < update.Tokens.Count; i++)
                times.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
        }
        return [.. times];
    }
}

/// <summary>How long an engine took.</summary>
/// <param name="First">Seconds until every stream has its first token.</param>
/// <param name="Count">Tokens after that.</param>
/// <param name="Seconds">Seconds that these took.</param>
internal readonly record struct EngineTimes(double First, int Count, double Seconds);
