using System.Text.Json;
using LlmService.Inference.Architectures;
using LlmService.Inference.Execution;
using LlmService.Inference.Tests.Architectures;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Weights.Onnx;

/// <summary>Exported graphs against what ONNX Runtime computes with them.</summary>
public sealed class GoldenOnnxTests
{
    private const string Plain = "plain";

    // What the golden data calls right: one activation at a border of rounding moves the outputs by up to about 0.1.
    private const float Near = 1e-3f, Far = 0.2f;

    // Measured, and some air: what activations in floats, or in our own 8 bits with attention in bfloat16, differ from ONNX's 8 bits over all tokens: 0.195 and 0.261 at most.
    private const float ServedLargest = 0.3f, ServedMean = 0.035f;

    private static readonly Dictionary<string, string> Variants = new(StringComparer.Ordinal)
    {
        ["float32"] = "fp32",
        [Plain] = "fp32",
        ["_fp16"] = "fp16",
        ["_quantized"] = "q8",
        ["_uint8"] = "uint8",
        ["_q4"] = "q4",
        ["_q4f16"] = "q4f16",
    };

    // In half precision ONNX Runtime rounds between operations, which may decide near ties; the golden data says where it does not.
    public static TheoryData<string, string, float, bool> Floats => new()
    {
        { "onnx-flan-t5", "float32", 2e-4f, true }, { "onnx-flan-t5", Plain, 2e-4f, true },
        { "onnx-qwen2", "float32", 2e-4f, true }, { "onnx-qwen2", "_fp16", 1e-2f, true }, { "onnx-qwen2", "_q4", 2e-4f, true }, { "onnx-qwen2", "_q4f16", 1e-2f, false },
        { "onnx-llama", "float32", 2e-4f, true }, { "onnx-llama", "_fp16", 1e-2f, true }, { "onnx-llama", "_q4", 2e-4f, true }, { "onnx-llama", "_q4f16", 1e-2f, false },
    };

    // In one of them an activation of the token that all prompts begin with lies on a border: 2e-6 of a step further down, all numbers are within 1e-6.
    public static TheoryData<string, string, float> Integers => new()
    {
        { "onnx-flan-t5", "_quantized", 0.99f }, { "onnx-flan-t5", "_uint8", 0.99f }, { "onnx-qwen2", "_quantized", 0.99f },
        { "onnx-qwen2", "_uint8", 0.99f }, { "onnx-llama", "_quantized", 0.99f }, { "onnx-llama", "_uint8", 0.85f },
    };

    [Theory]
    [MemberData(nameof(Floats))]
    public void Forward_FloatProducts_MatchOnnxRuntime(string name, string variant, float tolerance, bool sameIds)
    {
        Comparison result = Compare(name, variant, options => options);
        Assert.True(result.Largest <= tolerance, result.ToString());
        if (sameIds)
            Assert.Equal(result.Steps, result.SameSteps);
    }

    [Theory]
    [MemberData(nameof(Integers))]
    public void Forward_ExactIntegers_MatchOnnxRuntime(string name, string variant, float nearShare)
    {
        Comparison result = Compare(name, variant, options => options with { ExactOnnxArithmetic = true });
        Assert.True(result.Largest <= Far && result.Share(Near) >= nearShare, result.ToString());
        Assert.Equal(result.Steps, result.SameSteps);
    }

    [Theory]
    [InlineData("onnx-flan-t5", "_quantized")]
    [InlineData("onnx-flan-t5", "_uint8")]
    [InlineData("onnx-qwen2", "_quantized")]
    [InlineData("onnx-qwen2", "_uint8")]
    [InlineData("onnx-qwen2", "_q4")]
    [InlineData("onnx-llama", "_quantized")]
    [InlineData("onnx-llama", "_uint8")]
    [InlineData("onnx-llama", "_q4")]
    public void Forward_Served_StaysNearOnnxRuntime(string name, string variant)
    {
        foreach (ComputeFormat format in new[] { ComputeFormat.F32, ComputeFormat.Q8 })
        {
            Comparison result = Compare(name, variant, options => options with { Format = format });
            TestContext.Current.TestOutputHelper?.WriteLine($"{name} {variant} {format}: {result}");
            Assert.True(result.Largest <= ServedLargest && result.Mean <= ServedMean, $"{format}: {result}");
        }
    }

    /// <summary>A committed case where it has the variant's files, else one of the reference data.</summary>
    private static string Folder(string name, string variant)
    {
        string fixture = TestData.Fixture("golden", name);
        return Directory.Exists(fixture) && Choices(fixture, variant).Length > 0 ? fixture : TestData.Shared("golden", name);
    }

    private static WeightChoice[] Choices(string folder, string variant) =>
        [.. WeightFiles.List([.. WeightFiles.FilesOf(folder)]).Where(choice => choice.Format == WeightFormat.Onnx && choice.Variant == Variants[variant])];

    private static Comparison Compare(string name, string variant, Func<EngineOptions, EngineOptions> change)
    {
        string folder = Folder(name, variant);
        WeightChoice choice = Choices(folder, variant).Single();
        if (variant == Plain)
            choice = choice with { Files = ["onnx/encoder_model.onnx", "onnx/decoder_model.onnx"] };
        using GoldenCase model = GoldenCase.Open(folder, options => change(options with { Weights = choice }));
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "onnx_expected.json")));
        JsonElement[] outputs = [.. expected.RootElement.GetProperty("variants").GetProperty(variant == Plain ? "float32" : variant).GetProperty("prompts").EnumerateArray()];
        Comparison result = new();
        foreach ((GoldenPrompt prompt, JsonElement output) in model.Prompts.Zip(outputs))
            Compare(model, prompt, output, result);
        return result;
    }

    private static void Compare(GoldenCase model, GoldenPrompt prompt, JsonElement expected, Comparison result)
    {
        using (SequenceCache cache = model.Begin(prompt))
        {
            float[] logits = model.AllLogits(cache, prompt.DecoderIds, prompt.DecoderIds.Length);
            result.Add(GoldenPrompt.Rows(expected.GetProperty("logits")), prompt.LogitsPositions, logits, model.Vocabulary);
        }
        if (model.Runner is EncoderDecoderModelRunner t5)
        {
            float[] encoded = t5.EncodeRow(prompt.InputIds).ToArray();
            int[] positions = GoldenPrompt.Ints(prompt.Raw.GetProperty("encoder_last_hidden_state_positions"));
            result.Add(GoldenPrompt.Rows(expected.GetProperty("encoder_last_hidden_state")), positions, encoded, encoded.Length / prompt.InputIds.Length);
        }
        int[] ids = GoldenPrompt.Ints(expected.GetProperty("greedy_new_ids"));
        using SequenceCache greedy = model.Begin(prompt);
        (int[] found, float[] last) = model.Greedy(greedy, model.GreedyStart(prompt), ids.Length);
        result.AddSteps(ids, found);
        // After other ids the logits are those of another text.
        if (ids.SequenceEqual(found))
            result.Add([GoldenPrompt.Floats(expected.GetProperty("greedy_last_step_logits"))], [0], last, last.Length);
    }

    /// <summary>How far numbers are from those expected.</summary>
    private sealed class Comparison
    {
        private readonly List<float> _distances = [];

        public int Steps { get; private set; }

        public int SameSteps { get; private set; }

        public float Largest => _distances.Max();

        public float Mean => _distances.Average();

        public float Share(float near) => (float)_distances.Count(distance => distance <= near) / _distances.Count;

        public void Add(IEnumerable<float[]> rows, int[] positions, float[] actual, int width)
        {
            foreach ((float[] row, int position) in rows.Zip(positions))
            {
                for (int i = 0; i < row.Length; i++)
                    _distances.Add(float.IsNaN(actual[position * width + i]) ? float.PositiveInfinity : MathF.Abs(row[i] - actual[position * width + i]));
            }
        }

        public void AddSteps(int[] expected, int[] actual)
        {
            Steps += expected.Length;
            SameSteps += expected.Zip(actual).TakeWhile(pair => pair.First == pair.Second).Count();
        }

        public override string ToString() =>
            $"largest {Largest:G3}, mean {Mean:G3}, {Share(Near):P2} within {Near}, {SameSteps} of {Steps} greedy steps before the first other id";
    }
}
