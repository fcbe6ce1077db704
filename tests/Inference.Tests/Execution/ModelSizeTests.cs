using System.Text.RegularExpressions;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Execution;

public sealed class ModelSizeTests : IDisposable
{
    private const long GB = 1_000_000_000;

    private const string Mistral7B = """
        { "model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
          "vocab_size": 32000, "max_position_embeddings": 32768, "rms_norm_eps": 1e-05, "rope_theta": 1000000.0, "sliding_window": null, "tie_word_embeddings": false }
        """;

    private static readonly WeightChoice Published = new() { Format = WeightFormat.Safetensors, Variant = "model" };

    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Of_Mistral7B_HasTheSizesThatItsAuthorsState()
    {
        ModelSize size = ModelSize.Of(Configure(Mistral7B));

        Assert.Equal(7_241_732_096, size.ParameterCount);
        Assert.Equal(2 * 32 * 8 * 128 * sizeof(float), size.CacheBytesPerToken[ComputeFormat.F32]);
        Assert.Equal(2 * 32 * 8 * 128 * sizeof(ushort), size.CacheBytesPerToken[ComputeFormat.Q4]);
        // 4.5 bits a weight, and the head at 8.5; the table of embeddings stays in the file.
        Assert.InRange(size.WeightBytes[ComputeFormat.Q4], 3.9 * GB, 4.2 * GB);
        Assert.InRange(size.WeightBytes[ComputeFormat.Q8], 7.4 * GB, 7.7 * GB);
        Assert.InRange(size.WeightBytes[ComputeFormat.Bf16], 14.1 * GB, 14.5 * GB);
    }

    [Fact]
    public void Require_Mistral7B_FitsIn24GBAndIsToldWhatFitsIn8()
    {
        ModelConfiguration mistral = Configure(Mistral7B);

        MemoryNeed large = MemoryNeed.Of(mistral, Published, 14_483_464_192, null, null, 24 * GB);
        large.Require("mistralai/Mistral-7B-Instruct-v0.2");
        InferenceException exception = Assert.Throws<InferenceException>(
            () => MemoryNeed.Of(mistral, Published, 14_483_464_192, null, null, 8 * GB).Require("mistralai/Mistral-7B-Instruct-v0.2"));
        MemoryNeed small = MemoryNeed.Of(mistral, Published, 14_483_464_192, null, null, 8 * GB);

        Assert.Equal(ComputeFormat.Q4, large.Format);
        Assert.Equal(32768, large.LongestContext);
        Assert.Equal(InferenceFailure.OutOfMemory, exception.Failure);
        Assert.InRange(small.LongestContext, 16384, 32767);
        Assert.Contains($"--max-model-len {small.LongestContext}", exception.Remedy, StringComparison.Ordinal);
        MemoryNeed.Of(mistral, Published, 14_483_464_192, null, small.LongestContext, 8 * GB).Require("mistralai/Mistral-7B-Instruct-v0.2");
        Assert.Throws<InferenceException>(() => MemoryNeed.Of(mistral, Published, 14_483_464_192, null, small.LongestContext + 64, 8 * GB).Require("mistralai/Mistral-7B-Instruct-v0.2"));
    }

    [Fact]
    public void Require_FormatThatIsTooLarge_NamesTheOnesThatFit()
    {
        MemoryNeed need = MemoryNeed.Of(Configure(Mistral7B), Published, 14_483_464_192, ComputeFormat.Bf16, 2048, 9 * GB);

        InferenceException exception = Assert.Throws<InferenceException>(() => need.Require("m"));

        Assert.Equal([ComputeFormat.Q8, ComputeFormat.Q4], need.FormatsThatFit);
        Assert.Contains("--dtype q8; or --dtype q4", exception.Remedy, StringComparison.Ordinal);
        Assert.DoesNotContain("--max-model-len", exception.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(WeightFormat.Safetensors, "model", ComputeFormat.Q4)]
    [InlineData(WeightFormat.Onnx, "q8", ComputeFormat.Q8)]
    [InlineData(WeightFormat.Gguf, "q8_0", ComputeFormat.Q8)]
    [InlineData(WeightFormat.Gguf, "q4_0", ComputeFormat.Q4)]
    public void Of_NoFormatChosen_DoesNotCrushEightBits(WeightFormat stored, string variant, ComputeFormat format) =>
        Assert.Equal(format, MemoryNeed.Of(Configure(Mistral7B), new() { Format = stored, Variant = variant }, 1, null, null, 24 * GB).Format);

    [Theory]
    [InlineData("flan-t5")]
    [InlineData("t5-v1_0")]
    [InlineData("qwen2-tied")]
    public void Of_GoldenModel_EqualsWhatALoadHolds(string name)
    {
        string folder = TestData.Fixture("golden", name);
        using WorkerPool workers = new(2);
        ModelConfiguration configuration = ModelConfiguration.Load(folder);
        ModelSize size = ModelSize.Of(configuration);

        foreach (ComputeFormat format in size.WeightBytes.Keys)
        {
            using ModelRunner runner = ModelLoader.Load(folder, configuration, new EngineOptions { Workers = workers, Format = format });
            Assert.Equal(size.ParameterCount, runner.Model.ParameterCount);
            Assert.Equal(size.WeightBytes[format], runner.Model.WeightBytes);
        }
    }

    [Fact]
    public void Of_HostileConfiguration_TakesNoMemory()
    {
        long before = GC.GetTotalAllocatedBytes();

        ModelSize size = ModelSize.Of(Configure("""
            { "model_type": "llama", "hidden_size": 131072, "num_attention_heads": 512, "num_key_value_heads": 1, "num_hidden_layers": 1024, "intermediate_size": 1048576, "vocab_size": 16777216 }
            """));

        Assert.True(size.ParameterCount > 100_000 * GB / 1000);
        Assert.True(GC.GetTotalAllocatedBytes() - before < 256 << 20);
    }

    [Fact]
    public void Page_Sizes_AreWhatTheDocumentationSays()
    {
        string path = TestData.Fixture("..", "..", "docs", "models", "README.md");
        string page = ModelsPage.Write();
        // The page is rewritten on request: LLM_SERVICE_ACCEPT=1 dotnet test -c Release
        if (Environment.GetEnvironmentVariable("LLM_SERVICE_ACCEPT") == "1")
            File.WriteAllText(path, page);
        Assert.Equal(page, File.ReadAllText(path).ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Pages_EveryArchitecture_HasOneThatNamesItsTypeAndLinksToPagesThatAre()
    {
        string folder = TestData.Fixture("..", "..", "docs", "models");
        foreach (string type in ModelConfiguration.SupportedModelTypes)
        {
            string page = File.ReadAllText(Path.Combine(folder, $"{type}.md"));
            Assert.Contains($"`model_type: \"{type}\"`", page, StringComparison.Ordinal);
            foreach (Match link in Regex.Matches(page, @"\]\((?<page>[^)#]+)\)"))
                Assert.True(File.Exists(Path.Combine(folder, link.Groups["page"].Value)), $"{type}.md links to {link.Groups["page"].Value}, which is not there.");
            foreach (Match code in Regex.Matches(page, "`(?<path>[A-Za-z/]+\\.cs)`"))
                Assert.True(IsCode(code.Groups["path"].Value), $"{type}.md names {code.Groups["path"].Value}, which is not there.");
        }
    }

    private static bool IsCode(string path)
    {
        string inference = TestData.Fixture("..", "..", "src", "Inference");
        return new[] { Path.Combine(inference, "..", ".."), inference, Path.Combine(inference, "Architectures") }.Any(folder => File.Exists(Path.Combine(folder, path)));
    }

    private ModelConfiguration Configure(string config)
    {
        _folder.Write("config.json", config);
        return ModelConfiguration.Load(_folder.Folder);
    }
}
