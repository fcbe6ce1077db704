using LlmService.Inference.Architectures;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Tests.Architectures;

/// <summary>Forward passes against the reference implementation.</summary>
public sealed class GoldenTests
{
    public static TheoryData<string> Fixtures => ["flan-t5", "t5-v1_0", "llama-gqa", "qwen2-tied", "mistral-sliding"];

    public static TheoryData<string> References =>
    [
        "flan-t5-bf16-smallbuckets", "onnx-flan-t5", "mt5", "umt5", "bart", "mbart", "marian", "m2m-100", "pegasus", "blenderbot", "llama-bias-headdim-fp16", "llama-mha-tied-bf16", "llama-rope-linear-sharded", "llama-rope-llama3-tied", "llama-rope-dynamic",
        "llama-rope-yarn", "onnx-llama", "qwen2-sliding-mixed", "qwen2-yarn", "onnx-qwen2", "mistral-full-bf16", "qwen3-bf16-untied", "qwen3-tied", "phi", "phi3-plain", "phi3-longrope",
        "phi3-partial-longrope", "gemma", "gemma2", "gemma3-text", "gpt2", "gpt2-scaled-fp16", "gpt-neox-parallel", "gpt-neox-sequential", "gpt-neo-local", "gptj", "opt", "opt-350m-style",
        "bloom-alibi", "falcon-mqa-parallel", "falcon-new-decoder", "falcon-rw-alibi", "starcoder2", "stablelm", "stablelm-qknorm-parallel", "olmo", "olmo2", "granite", "smollm3", "cohere", "cohere2",
        "glm", "glm4", "nemotron", "exaone4", "ernie4_5", "seed-oss", "hunyuan-dense", "gpt-bigcode-mqa", "mpt-alibi", "lfm2", "mixtral", "qwen2-moe", "qwen3-moe", "granitemoe", "gpt-oss", "deepseek-v3",
    ];

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_Fixture_MatchesTheReference(string name) => CheckCase(TestData.Fixture("golden", name));

    [Theory]
    [MemberData(nameof(References))]
    public void Forward_ReferenceData_MatchesTheReference(string name) => CheckCase(TestData.Shared("golden", name));

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_AnyChunkThreadsOrKernels_GivesTheSameBits(string name)
    {
        string folder = TestData.Fixture("golden", name);
        using GoldenCase vector = GoldenCase.Open(folder, KernelPaths.Best, threads: 1);
        using GoldenCase threaded = GoldenCase.Open(folder, KernelPaths.Best, threads: 3);
        using GoldenCase scalar = GoldenCase.Open(folder, KernelPath.Scalar, threads: 2);
        foreach (GoldenPrompt prompt in vector.Prompts)
        {
            float[] whole = Logits(vector, prompt, prompt.DecoderIds.Length);
            foreach (int chunk in new[] { 1, 3, 7 })
                Assert.Equal(whole, Logits(vector, prompt, chunk));
            Assert.Equal(whole, Logits(threaded, prompt, prompt.DecoderIds.Length));
            Assert.Equal(whole, Logits(scalar, prompt, prompt.DecoderIds.Length));
        }
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_BatchOfAllPrompts_EqualsSinglesBitForBit(string name) => CheckBatch(TestData.Fixture("golden", name));

    private static void CheckBatch(string folder)
    {
        using GoldenCase model = GoldenCase.Open(folder);
        GoldenPrompt[] prompts = [.. model.Prompts];
        float[] singles = [.. prompts.SelectMany(p => Logits(model, p, p.DecoderIds.Length))];
        float[] together = new float[singles.Length], pieces = new float[singles.Length];
        Compute(rows => model.Runner.Forward(rows, together));
        Compute(rows =>
        {
            const int most = 3;
            model.Runner.Run(rows);
            int count = rows.Sum(row => row.LogitsCount);
            for (int first = 0; first < count; first += most)
            {
                int length = Math.Min(most, count - first);
                model.Runner.WriteLogits(first, length, pieces.AsMemory(first * model.Vocabulary, length * model.Vocabulary));
            }
        });
        Assert.Equal(singles, together);
        Assert.Equal(singles, pieces);

        void Compute(Action<BatchRow[]> forward)
        {
            SequenceCache[] caches = [.. prompts.Select(model.Begin)];
            forward([.. prompts.Select((p, i) => new BatchRow(p.DecoderIds, 0, caches[i], p.DecoderIds.Length))]);
            foreach (SequenceCache cache in caches)
                cache.Dispose();
            Assert.Equal(0, model.Runner.Cache.UsedBytes);
        }
    }

    /// <summary>Cases whose results depend on how a prompt is cut: their rotation follows the length of the sequence, or the reference treats a token that is computed alone in its own way.</summary>
    private static readonly string[] Uncut = ["llama-rope-dynamic", "phi3-longrope", "phi3-partial-longrope", "lfm2"];

    [Theory]
    [MemberData(nameof(References))]
    public void Forward_ReferenceData_AnyChunkOrKernelsGivesTheSameBits(string name)
    {
        string folder = TestData.Shared("golden", name);
        using GoldenCase vector = GoldenCase.Open(folder, KernelPaths.Best, threads: 2);
        using GoldenCase scalar = GoldenCase.Open(folder, KernelPath.Scalar, threads: 1);
        GoldenPrompt prompt = vector.Prompts.Last();
        float[] whole = Logits(vector, prompt, prompt.DecoderIds.Length);
        Assert.Equal(whole, Logits(scalar, prompt, prompt.DecoderIds.Length));
        if (!Uncut.Contains(name))
            Assert.Equal(whole, Logits(vector, prompt, 5));
    }

    [Theory]
    [MemberData(nameof(References))]
    public void Forward_ReferenceData_BatchEqualsSinglesBitForBit(string name) => CheckBatch(TestData.Shared("golden", name));

    [Fact]
    public void Forward_WithoutReservation_IsRefused()
    {
        using GoldenCase model = GoldenCase.Open(TestData.Fixture("golden", "llama-gqa"));
        using SequenceCache cache = model.Runner.Cache.Open();
        Assert.Throws<InvalidOperationException>(() => model.Runner.Forward([new(new[] { 1 }, 0, cache, 1)], new float[model.Vocabulary]));
    }

    private static float[] Logits(GoldenCase model, GoldenPrompt prompt, int chunk)
    {
        using SequenceCache cache = model.Begin(prompt);
        return model.AllLogits(cache, prompt.DecoderIds, chunk);
    }

    private static void CheckCase(string folder)
    {
        using GoldenCase model = GoldenCase.Open(folder);
        foreach (GoldenPrompt prompt in model.Prompts)
        {
            float[] logits = Logits(model, prompt, prompt.DecoderIds.Length);
            for (int i = 0; i < prompt.LogitsPositions.Length; i++)
                GoldenNumbers.AssertClose(prompt.Logits[i], logits.AsSpan(prompt.LogitsPositions[i] * model.Vocabulary, model.Vocabulary));
            for (int i = 0; i < prompt.DecoderIds.Length; i++)
                Assert.Equal(prompt.ArgmaxAllPositions[i], System.Numerics.Tensors.TensorPrimitives.IndexOfMax<float>(logits.AsSpan(i * model.Vocabulary, model.Vocabulary)));

            using SequenceCache cache = model.Begin(prompt);
            (int[] ids, float[] last) = model.Greedy(cache, model.GreedyStart(prompt), prompt.GreedyIds.Length);
            Assert.Equal(model.ExpectedGreedy(prompt), ids);
            if (prompt.GreedyIds.SequenceEqual(ids))
                GoldenNumbers.AssertClose(prompt.GreedyLastLogits, last);
            if (model.Runner is EncoderDecoderModelRunner t5)
                CheckEncoder(t5, prompt);
        }
    }

    private static void CheckEncoder(EncoderDecoderModelRunner runner, GoldenPrompt prompt)
    {
        ReadOnlySpan<float> encoded = runner.EncodeRow(prompt.InputIds).Span;
        int width = encoded.Length / prompt.InputIds.Length;
        int[] positions = GoldenPrompt.Ints(prompt.Raw.GetProperty("encoder_last_hidden_state_positions"));
        float[][] expected = [.. GoldenPrompt.Rows(prompt.Raw.GetProperty("encoder_last_hidden_state"))];
        for (int i = 0; i < positions.Length; i++)
            GoldenNumbers.AssertClose(expected[i], encoded.Slice(positions[i] * width, width));
    }
}
