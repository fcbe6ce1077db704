using LlmService.Inference.Execution;
using LlmService.Inference.Tests.Architectures;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Execution;

/// <summary>What quantisation costs on random models, which amplify it; quality on trained ones is measured in bench.</summary>
public sealed class ComputeFormatTests
{
    [Theory]
    [InlineData("flan-t5", ComputeFormat.Bf16, 0.03)]
    [InlineData("flan-t5", ComputeFormat.Q8, 0.1)]
    [InlineData("flan-t5", ComputeFormat.Q4, 0.9)]
    [InlineData("qwen2-tied", ComputeFormat.Bf16, 0.03)]
    [InlineData("qwen2-tied", ComputeFormat.Q8, 0.1)]
    [InlineData("qwen2-tied", ComputeFormat.Q4, 0.9)]
    public void Forward_HeldInAFormat_StaysNearTheExactLogits(string name, ComputeFormat format, double bound)
    {
        using GoldenCase model = GoldenCase.Open(TestData.Fixture("golden", name), format: format);
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

            Assert.InRange(Math.Sqrt(error / size), 0, bound);
        }
    }

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
