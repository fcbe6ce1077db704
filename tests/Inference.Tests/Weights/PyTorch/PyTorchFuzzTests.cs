using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Weights.PyTorch;

/// <summary>A short run of what the benchmarks do at length.</summary>
public sealed class PyTorchFuzzTests
{
    private const int Seed = 20_261_125;
    private const int Runs = 1500;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Load_MutatedFile_LoadsOrIsRefused(bool isStream)
    {
        using CheckpointFolder model = CheckpointFolder.CopyOf("qwen2-tied");
        TorchTensor[] tensors = TorchFile.ReadSafetensors(model[WeightFiles.SingleFileName]);
        File.Delete(model[WeightFiles.SingleFileName]);
        byte[] original = isStream ? TorchFile.Stream(tensors) : TorchFile.Zip(tensors);
        ModelConfiguration configuration = ModelConfiguration.Load(model.Folder);
        using WorkerPool workers = new(1);
        Random random = new(Seed);
        int refused = 0;

        for (int run = 0; run < Runs; run++)
        {
            model.Write("pytorch_model.bin", WeightMutator.Mutate(original, random));
            try
            {
                ModelLoader.Load(model.Folder, configuration, new EngineOptions { Workers = workers }).Dispose();
            }
            catch (InferenceException e)
            {
                Assert.NotEmpty(e.Message);
                refused++;
            }
        }
        Assert.InRange(refused, Runs / 3, Runs - 1);
    }
}
