using LlmService.Inference.Execution;
using LlmService.Inference.Tests.Architectures;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Execution;

/// <summary>What quantisation costs on random models, which amplify it; quality on trained ones is measured in bench.</summary>
public sealed class ComputeFormatTests
{
    [Theory]
    [InlineData("flan-t5", ComputeFormat.Bf16, 0.03)]
    // The scores of T5 are not scaled, so what rounding of queries and keys to bfloat16 changes in them is not small beside 1: 0.133 in the worst prompt, 0.099 with floats.
    [InlineData("flan-t5", ComputeFormat.Q8, 0.15)]
    [InlineData("flan-t5", ComputeFormat.Q4, 0.9)]
    [InlineData("qwen2-tied", ComputeFormat.Bf16, 0.03)]
    [InlineData("qwen2-tied", ComputeFormat.Q8, 0.1)]
    [InlineData("qwen2-tied", ComputeFormat.Q4, 0.9)]
    public void Forward_HeldInAFormat_StaysNearTheExactLogits(string name, ComputeFormat format, double bound)
    {
        using GoldenCase model = GoldenCase.Open(TestData.Fixture("golden", name), format: format);
        double worst = 0;
        foreach (GoldenPrompt prompt in model.Prompts)
        {
            using SequenceCache cache = model.Begin(prompt);
            float[] logits = model.AllLogits(cache, prompt.DecoderIds, 4);
            double error = 0, size = 0;
            for (int i = 0; i < prompt.LogitsPositions.Length; i++)
            {
                for (int id = 0; id < model.Vocabulary; id++)
                {
                    error += Math.Pow(prompt.Logits[i][id] - logits[prompt.LogitsPositions[i] * model.Vocabulary + id], 2);
                    size += Math.Pow(prompt.Logits[i][id], 2);
                }
            }

            worst = Math.Max(worst, Math.Sqrt(error / size));
        }

        Assert.InRange(worst, 0, bound);
    }

    [Theory]
    [MemberData(nameof(GoldenTests.References), MemberType = typeof(GoldenTests))]
    public void Forward_EveryArchitecture_RunsInEveryFormat(string name)
    {
        string folder = TestData.Shared("golden", name);
        foreach (ComputeFormat format in new[] { ComputeFormat.Bf16, ComputeFormat.Q8, ComputeFormat.Q4 })
        {
            using GoldenCase model = GoldenCase.Open(folder, format: format);
            GoldenPrompt prompt = model.Prompts.Last();
            using SequenceCache cache = model.Begin(prompt);
            float[] logits = model.AllLogits(cache, prompt.DecoderIds, prompt.DecoderIds.Length);
            int last = prompt.LogitsPositions[^1];
            double alike = System.Numerics.Tensors.TensorPrimitives.CosineSimilarity<float>(prompt.Logits[^1], logits.AsSpan(last * model.Vocabulary, model.Vocabulary));

            Assert.InRange(alike, Lowest(format), 1.000001);
        }
    }

    // Random models of width 32 amplify what rounding does; another function altogether has a cosine near 0.
    private static double Lowest(ComputeFormat format) => format switch
    {
        ComputeFormat.Bf16 => 0.97,
        ComputeFormat.Q8 => 0.9,
        _ => 0.15,
    };

    [Fact]
    public void Forward_BatchAndChunks_GiveTheBitsOfSinglesInEveryFormat()
    {
        foreach (ComputeFormat format in Enum.GetValues<ComputeFormat>())
        {
            using GoldenCase model = GoldenCase.Open(TestData.Fixture("golden", "qwen2-tied"), format: format);
            GoldenPrompt prompt = model.Prompts.First();
            using SequenceCache one = model.Begin(prompt), whole = model.Begin(prompt);

            Assert.Equal(model.AllLogits(one, prompt.DecoderIds, 1), model.AllLogits(whole, prompt.DecoderIds, prompt.DecoderIds.Length));
        }
    }
}
