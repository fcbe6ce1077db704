using System.Text.Json;
using LlmService.Inference.Execution;
using LlmService.Inference.Tests.Architectures;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Weights.PyTorch;

/// <summary>The golden models, rewritten as PyTorch files, give the logits of their safetensors bit for bit.</summary>
public sealed class GoldenPyTorchTests
{
    public static TheoryData<string> Fixtures => GoldenTests.Fixtures;

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_Archive_GivesTheBitsOfSafetensors(string name) => CheckSingle(TestData.Fixture("golden", name), TorchFile.Zip);

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_Stream_GivesTheBitsOfSafetensors(string name) => CheckSingle(TestData.Fixture("golden", name), TorchFile.Stream);

    [Theory]
    [InlineData("llama-bias-headdim-fp16")]
    [InlineData("llama-mha-tied-bf16")]
    [InlineData("flan-t5-bf16-smallbuckets")]
    public void Forward_HalfPrecision_GivesTheBitsOfSafetensors(string name)
    {
        CheckSingle(TestData.Shared("golden", name), TorchFile.Zip);
        CheckSingle(TestData.Shared("golden", name), TorchFile.Stream);
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_Shards_GiveTheBitsOfSafetensors(string name)
    {
        string golden = TestData.Fixture("golden", name);
        TorchTensor[] tensors = TorchFile.ReadSafetensors(Path.Combine(golden, WeightFiles.SingleFileName));
        string[] shards = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];
        using CheckpointFolder folder = WithoutWeights(golden);
        folder.Write(shards[0], TorchFile.Zip([.. tensors.Where((_, i) => i % 2 == 0)]));
        folder.Write(shards[1], TorchFile.Stream([.. tensors.Where((_, i) => i % 2 == 1)]));
        folder.Write(WeightFiles.PyTorchIndexFileName, JsonSerializer.Serialize(new { weight_map = tensors.Select((t, i) => (t.Name, i)).ToDictionary(t => t.Name, t => shards[t.i % 2]) }));

        Assert.Equal(Logits(golden), Logits(folder.Folder));
    }

    private static void CheckSingle(string golden, Func<TorchTensor[], byte[]> write)
    {
        using CheckpointFolder folder = WithoutWeights(golden);
        folder.Write("pytorch_model.bin", write(TorchFile.ReadSafetensors(Path.Combine(golden, WeightFiles.SingleFileName))));

        Assert.Equal(Logits(golden), Logits(folder.Folder));
    }

    private static CheckpointFolder WithoutWeights(string golden)
    {
        CheckpointFolder folder = new();
        foreach (string file in Directory.EnumerateFiles(golden, "*.json"))
            File.Copy(file, folder[Path.GetFileName(file)]);
        return folder;
    }

    private static float[] Logits(string folder)
    {
        using GoldenCase model = GoldenCase.Open(folder);
        GoldenPrompt prompt = model.Prompts.First();
        using SequenceCache cache = model.Begin(prompt);
        return model.AllLogits(cache, prompt.DecoderIds, prompt.DecoderIds.Length);
    }
}
