using System.Text.Json.Nodes;
using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Embeddings;

public sealed class SentenceConfigurationTests
{
    [Fact]
    public void Load_WithoutFiles_IsAsModelsOfItsKindMostlyAre()
    {
        using EmbedderFolder folder = new();

        Assert.Equal([Pooling.Mean], SentenceConfiguration.Load(folder.Folder, isCausal: false).Pooling.Modes);
        Assert.Equal([Pooling.Last], SentenceConfiguration.Load(folder.Folder, isCausal: true).Pooling.Modes);
        Assert.Equal([new NormalizeModule()], SentenceConfiguration.Load(folder.Folder, isCausal: true).Modules);
    }

    [Fact]
    public void Load_OldNameOfTheSettings_IsRead()
    {
        using EmbedderFolder folder = new();
        folder.Write("sentence_roberta_config.json", """{"max_seq_length":75,"do_lower_case":true}""");

        SentenceConfiguration configuration = SentenceConfiguration.Load(folder.Folder, isCausal: false);

        Assert.Equal((75, true), (configuration.MaxTokens, configuration.LowersCase));
    }

    [Theory]
    [InlineData("""[{"type":"sentence_transformers.models.Dense","path":"2_Dense"}]""", "Pooling before it")]
    [InlineData("""[{"type":"sentence_transformers.models.Pooling","path":"1_Pooling"},{"type":"sentence_transformers.models.Pooling","path":"1_Pooling"}]""", "one Pooling")]
    [InlineData("""[{"type":"sentence_transformers.models.Pooling","path":"../other"}]""", "path")]
    [InlineData("""[{"type":"sentence_transformers.models.Pooling","path":"9_Pooling"}]""", "9_Pooling")]
    [InlineData("""[{"type":"sentence_transformers.models.WordWeights","path":"1"}]""", "WordWeights")]
    [InlineData("""{"type":"x"}""", "list")]
    public void Load_ModulesThatAreNotBuilt_AreRefusedByName(string modules, string named)
    {
        using EmbedderFolder folder = new();
        folder.Pooling("{}").Write("modules.json", modules);

        Assert.Contains(named, Assert.Throws<InferenceException>(() => ModelConfiguration.Load(folder.Folder)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"in_features":32}""", "out_features")]
    [InlineData("""{"in_features":32,"out_features":0}""", "out_features")]
    [InlineData("""{"in_features":32,"out_features":8,"activation_function":"torch.nn.modules.activation.Mish"}""", "Mish")]
    [InlineData("""{"in_features":32,"out_features":8,"module_input_name":"token_embeddings"}""", "module_input_name")]
    public void Load_DenseThatIsNotBuilt_IsRefusedByName(string dense, string named)
    {
        using EmbedderFolder folder = new();
        folder.Modules(EmbedderFolder.PoolingModule, EmbedderFolder.DenseModule).Pooling("{}").Write("2_Dense/config.json", dense);

        Assert.Contains(named, Assert.Throws<InferenceException>(() => ModelConfiguration.Load(folder.Folder)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"in_features":64,"out_features":8}""", "in_features")]
    [InlineData("""{"in_features":32,"out_features":8}""", "2_Dense")]
    public void Load_DenseThatDoesNotFitOrHasNoWeights_IsRefused(string dense, string named)
    {
        using EmbedderFolder folder = new();
        folder.Modules(EmbedderFolder.PoolingModule, EmbedderFolder.DenseModule).Pooling("{}").Write("2_Dense/config.json", dense);
        using WorkerPool workers = new(1);

        InferenceException exception = Assert.Throws<InferenceException>(() => LlmEngine.Load(folder.Folder, new() { Workers = workers, SkipTokenizer = true }));

        Assert.Contains(named, exception.Message, StringComparison.Ordinal);
    }

    /// <summary>As EmbeddingGemma and gte-Qwen2 have it.</summary>
    [Theory]
    [InlineData("use_bidirectional_attention", true)]
    [InlineData("is_causal", false)]
    public void Load_DecoderThatLooksAhead_IsRefused(string field, bool value)
    {
        using EmbedderFolder folder = new();
        JsonNode config = JsonNode.Parse(File.ReadAllText(TestData.Fixture("golden", "llama-gqa", "config.json")))!;
        config[field] = value;
        folder.Pooling("""{"pooling_mode":"mean"}""").Modules(EmbedderFolder.PoolingModule).Write("config.json", config.ToJsonString());

        InferenceException exception = Assert.Throws<InferenceException>(() => ModelConfiguration.Load(folder.Folder));

        Assert.Equal((InferenceFailure.UnsupportedModelType, field), (exception.Failure, exception.Field));
    }

    [Theory]
    [InlineData("""{"prompts":["query: "]}""", "prompts")]
    [InlineData("""{"prompts":{"query":1}}""", "prompts")]
    [InlineData("""{"prompts":{"query":"q: "},"default_prompt_name":"passage"}""", "default_prompt_name")]
    public void Load_BadPrompts_AreRefusedByName(string prompts, string named)
    {
        using EmbedderFolder folder = new();
        folder.Write("config_sentence_transformers.json", prompts);

        Assert.Equal(named, Assert.Throws<InferenceException>(() => ModelConfiguration.Load(folder.Folder)).Field);
    }
}
