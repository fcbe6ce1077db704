using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;
using LlmService.Tokenizers;

namespace LlmService.Inference.Tests.Weights.Onnx;

/// <summary>Folders that have nothing but graphs.</summary>
public sealed class OnnxFolderTests : IDisposable
{
    private const int Mutations = 400;

    private readonly CheckpointFolder _folder = new();
    private readonly WorkerPool _workers = new(2);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _workers.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task GenerateAsync_RealTokenizerAndConfiguration_AnswersFromGraphsOfTheirShape()
    {
        string published = TestData.Shared("models", "Xenova--flan-t5-small");
        foreach (string file in Directory.EnumerateFiles(published))
            _folder.Write(Path.GetFileName(file), await File.ReadAllBytesAsync(file, Cancellation));
        new T5Graphs { Hidden = 512, Inner = 384, FeedForward = 1024, Heads = 6, Layers = 8, Vocabulary = 32128 }.Write(_folder.Folder);
        Assert.Equal("ONNX q8", WeightFiles.Preferred(_folder.Folder).Name);

        await using LlmEngine engine = LlmEngine.Load(_folder.Folder, new EngineOptions { Workers = _workers, MaxModelLength = 64 });
        Answer answer = await Answer.GatherAsync(engine, new GenerationRequest { Prompt = "Translate to German: The house is wonderful.", MaxTokens = 8, IgnoreEndTokens = true }, Cancellation);

        Assert.Equal("int8", engine.Model.StoredPrecision);
        Assert.Equal(ModelSize.Of(ModelConfiguration.Load(_folder.Folder)).ParameterCount, engine.Model.ParameterCount);
        Assert.Equal(8, answer.Ids.Length);
        Assert.Equal(engine.Tokenizer!.Decode(answer.Ids, SpecialTokens.Skip), answer.Text);
    }

    [Fact]
    public async Task GenerateAsync_ExactArithmetic_IsTheSameAloneAndAmongOthers()
    {
        CopyGolden("onnx-flan-t5");
        EngineOptions options = new() { Workers = _workers, SkipTokenizer = true, ExactOnnxArithmetic = true, PrefillChunkTokens = 2 };
        await using LlmEngine engine = LlmEngine.Load(_folder.Folder, options);
        GenerationRequest[] requests = [.. Enumerable.Range(1, 4).Select(i => new GenerationRequest { PromptTokenIds = [.. Enumerable.Range(5, 5 * i)], MaxTokens = 12, IgnoreEndTokens = true })];

        Answer[] together = await Task.WhenAll(requests.Select(request => Answer.GatherAsync(engine, request, Cancellation)));

        for (int i = 0; i < requests.Length; i++)
            Assert.Equal((await Answer.GatherAsync(engine, requests[i], Cancellation)).Ids, together[i].Ids);
    }

    [Fact]
    public void Load_MutatedGraphs_ThrowsNothingButItsOwn()
    {
        CopyGolden("onnx-flan-t5");
        ModelConfiguration configuration = ModelConfiguration.Load(_folder.Folder);
        string path = Path.Combine(_folder.Folder, "onnx", "encoder_model_quantized.onnx");
        byte[] graph = File.ReadAllBytes(path);
        Random random = new(3);
        int refused = 0;
        for (int i = 0; i < Mutations; i++)
        {
            byte[] mutated = i % 8 == 0 ? graph[..random.Next(graph.Length)] : [.. graph];
            for (int change = random.Next(1, 4); change > 0 && mutated.Length > 0; change--)
                mutated[random.Next(mutated.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(path, mutated);
            try
            {
                ModelLoader.Load(_folder.Folder, configuration, new EngineOptions { Workers = _workers, Format = ComputeFormat.F32, MaxModelLength = 16 }).Dispose();
            }
            catch (InferenceException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, Mutations / 8, Mutations - 1);
    }

    private void CopyGolden(string name)
    {
        string golden = TestData.Fixture("golden", name);
        Directory.CreateDirectory(Path.Combine(_folder.Folder, "onnx"));
        foreach (string file in Directory.EnumerateFiles(golden, "*", SearchOption.AllDirectories))
            File.Copy(file, Path.Combine(_folder.Folder, Path.GetRelativePath(golden, file)));
    }
}
