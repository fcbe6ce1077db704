using System.Text.Json;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Architectures;

/// <summary>A tiny model with the outputs of the reference implementation.</summary>
internal sealed class GoldenCase : IDisposable
{
    private readonly WorkerPool _workers;

    private GoldenCase(string folder, int threads, Func<EngineOptions, EngineOptions> change)
    {
        _workers = new WorkerPool(threads);
        Expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "expected.json"))).RootElement;
        Runner = ModelLoader.Load(folder, ModelSource.Of(folder, null).Configuration(), change(new() { Workers = _workers, Format = ComputeFormat.F32 }));
    }

    public JsonElement Expected { get; }

    public ModelRunner Runner { get; }

    public int Vocabulary => Runner.Model.VocabularySize;

    public IEnumerable<GoldenPrompt> Prompts => Expected.GetProperty("prompts").EnumerateArray().Select(p => new GoldenPrompt(p));

    public static GoldenCase Open(string folder, KernelPath? kernels = null, int threads = 2, ComputeFormat format = ComputeFormat.F32) =>
        new(folder, threads, options => options with { Kernels = kernels ?? KernelPaths.Best, Format = format });

    public static GoldenCase Open(string folder, Func<EngineOptions, EngineOptions> change) => new(folder, 2, change);

    /// <summary>A cache with room for a prompt and 40 more tokens; encoder-decoders have encoded the prompt.</summary>
    public SequenceCache Begin(GoldenPrompt prompt)
    {
        SequenceCache cache = Runner.Cache.Open();
        Assert.True(cache.TryReserve(prompt.DecoderIds.Length + 40));
        if (Runner.Model.IsEncoderDecoder)
        {
            Assert.True(cache.TryReserveCross(prompt.InputIds.Length));
            Runner.Encode([new(prompt.InputIds, cache)]);
        }
        return cache;
    }

    /// <summary>The ids that the decoder sees before the first greedy token.</summary>
    public int[] GreedyStart(GoldenPrompt prompt) => Runner.Model.IsEncoderDecoder ? [Runner.Model.DecoderStartTokenId] : prompt.InputIds;

    /// <summary>Logits of every position, [ids, vocabulary], computed in chunks.</summary>
    public float[] AllLogits(SequenceCache cache, int[] ids, int chunk)
    {
        float[] logits = new float[ids.Length * Vocabulary];
        for (int first = 0; first < ids.Length; first += chunk)
        {
            int count = Math.Min(chunk, ids.Length - first);
            Runner.Forward([new(ids.AsMemory(first, count), first, cache, count)], logits.AsMemory(first * Vocabulary, count * Vocabulary));
        }
        return logits;
    }

    /// <summary>Greedy ids, and the logits of the last step.</summary>
    public (int[] Ids, float[] LastLogits) Greedy(SequenceCache cache, int[] start, int count)
    {
        List<int> ids = [];
        float[] logits = new float[Vocabulary];
        Runner.Forward([new(start, 0, cache, 1)], logits);
        for (int position = start.Length; ; position++)
        {
            ids.Add(System.Numerics.Tensors.TensorPrimitives.IndexOfMax(logits));
            if (ids.Count == count)
                return ([.. ids], logits);
            if (Runner.Rotation?.StartsOver(position, position + 1) == true)
            {
                cache.Clear();
                Runner.Forward([new((int[])[.. start, .. ids], 0, cache, 1)], logits);
            }
            else
                Runner.Forward([new(new[] { ids[^1] }, position, cache, 1)], logits);
        }
    }

    /// <summary>The greedy ids: where a sequence turns anew as it grows, those that the reference gives without a cache, since its cached run is wrong there.</summary>
    public int[] ExpectedGreedy(GoldenPrompt prompt)
    {
        bool crosses = Runner.Rotation is { TurnsAnew: true } limit && prompt.InputIds.Length <= limit.Length && prompt.InputIds.Length + prompt.GreedyIds.Length > limit.Length;
        return crosses ? GoldenPrompt.Ints(Expected.GetProperty("greedy_without_cache_all")[Prompts.ToList().FindIndex(p => p.InputIds.SequenceEqual(prompt.InputIds))]) : prompt.GreedyIds;
    }

    public void Dispose()
    {
        Runner.Dispose();
        _workers.Dispose();
    }
}

/// <summary>One prompt of a golden case.</summary>
internal sealed class GoldenPrompt(JsonElement prompt)
{
    public int[] InputIds { get; } = First(prompt.GetProperty("input_ids"));

    /// <summary>What the decoder is fed: the prompt itself, or for encoder-decoders the teacher-forced ids.</summary>
    public int[] DecoderIds { get; } = First(prompt.GetProperty(prompt.TryGetProperty("decoder_input_ids", out _) ? "decoder_input_ids" : "input_ids"));

    public int[] LogitsPositions { get; } = Ints(prompt.GetProperty("logits_positions"));

    public int[] GreedyIds { get; } = Ints(prompt.GetProperty("greedy_new_ids"));

    public float[] GreedyLastLogits { get; } = Floats(prompt.GetProperty("greedy_last_step_logits"));

    public int[] ArgmaxAllPositions { get; } = Ints(prompt.GetProperty("argmax_all_positions"));

    public float[][] Logits { get; } = [.. Rows(prompt.GetProperty("logits"))];

    public JsonElement Raw { get; } = prompt;

    public static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(v => v.GetInt32())];

    public static float[] Floats(JsonElement array) => [.. array.EnumerateArray().Select(v => v.GetSingle())];

    public static IEnumerable<float[]> Rows(JsonElement array) => array.EnumerateArray().Select(Floats);

    // Batches of one are written as a list in a list.
    public static int[] First(JsonElement ids) => Ints(ids[0].ValueKind == JsonValueKind.Array ? ids[0] : ids);
}
