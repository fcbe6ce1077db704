using LlmService.Inference.Configuration;

namespace LlmService.Inference.Embeddings;

/// <summary>Expected numbers are computed by hand from the formulas of sentence_transformers/models/Pooling.py.</summary>
public sealed class PoolingConfigurationTests
{
    // Three tokens of two numbers.
    private static readonly float[] States = [1, -2, 3, 8, -7, 0];

    [Theory]
    [InlineData("pooling_mode_cls_token", 1f, -2f)]
    [InlineData("pooling_mode_max_tokens", 3f, 8f)]
    [InlineData("pooling_mode_mean_tokens", -1f, 2f)]
    [InlineData("pooling_mode_mean_sqrt_len_tokens", -1.7320508f, 3.4641016f)]
    [InlineData("pooling_mode_weightedmean_tokens", -14f / 6, 14f / 6)]
    [InlineData("pooling_mode_lasttoken", -7f, 0f)]
    public void Apply_OneMode_IsThatOfTheReference(string mode, params float[] expected)
    {
        AssertClose(expected, Read($$"""{"pooling_mode_mean_tokens":false,"{{mode}}":true}""").Apply(States, 2));
    }

    [Fact]
    public void Apply_SeveralModes_LieSideBySideInTheReferencesOrder()
    {
        PoolingConfiguration all = Read("""
            {"pooling_mode_lasttoken":true,"pooling_mode_weightedmean_tokens":true,"pooling_mode_mean_sqrt_len_tokens":true,"pooling_mode_mean_tokens":true,"pooling_mode_max_tokens":true,"pooling_mode_cls_token":true}
            """);
        AssertClose([1, -2, 3, 8, -1, 2, -1.7320508f, 3.4641016f, -14f / 6, 14f / 6, -7, 0], all.Apply(States, 2));
    }

    // The prompt is one token; the first state is taken in any case, and weights are those of the places in the whole text.
    [Fact]
    public void Apply_WithoutThePrompt_CountsTheOtherTokens()
    {
        PoolingConfiguration all = Read("""
            {"include_prompt":false,"pooling_mode_lasttoken":true,"pooling_mode_weightedmean_tokens":true,"pooling_mode_mean_sqrt_len_tokens":true,"pooling_mode_max_tokens":true,"pooling_mode_cls_token":true}
            """);
        AssertClose([1, -2, 3, 8, -2, 4, -4 / MathF.Sqrt(2), 8 / MathF.Sqrt(2), -3, 16f / 5, -7, 0], all.Apply(States, 2, promptTokens: 1));
        AssertClose([1, -2, 3, 8, -1, 2, -1.7320508f, 3.4641016f, -14f / 6, 14f / 6, -7, 0], all.Apply(States, 2));
    }

    [Fact]
    public void Apply_TextThatIsAllPrompt_IsAsTheReferenceHasIt()
    {
        PoolingConfiguration all = Read("""{"include_prompt":false,"pooling_mode_lasttoken":true,"pooling_mode_max_tokens":true}""");
        AssertClose([-1e9f, -1e9f, 0, 0, 0, 0], all.Apply(States, 2, promptTokens: 9));
    }

    [Theory]
    [InlineData("""{}""", Pooling.Mean)]
    [InlineData("""{"pooling_mode":"lasttoken","pooling_mode_mean_tokens":true}""", Pooling.Last)]
    [InlineData("""{"pooling_mode":"CLS"}""", Pooling.First)]
    [InlineData("""{"pooling_mode_cls_token":true}""", Pooling.First, Pooling.Mean)]
    public void Read_WhatIsNotSet_HasTheReferencesDefaults(string config, params object[] expected) => Assert.Equal(expected.Cast<Pooling>(), Read(config).Modes);

    [Theory]
    [InlineData("""{"pooling_mode":"median"}""", InferenceFailure.UnsupportedModelType, "median")]
    [InlineData("""{"pooling_mode_mean_tokens":false}""", InferenceFailure.CorruptModel, "pooling_mode_mean_tokens")]
    [InlineData("""{"pooling_mode_mean_tokens":1}""", InferenceFailure.CorruptModel, "pooling_mode_mean_tokens")]
    public void Read_BadFile_IsRefusedByName(string config, InferenceFailure failure, string named)
    {
        InferenceException exception = Assert.Throws<InferenceException>(() => Read(config));

        Assert.Equal(failure, exception.Failure);
        Assert.Contains(named, exception.Message, StringComparison.Ordinal);
    }

    private static PoolingConfiguration Read(string config)
    {
        using EmbedderFolder folder = new();
        folder.Pooling(config);
        return PoolingConfiguration.Read(ConfigReader.Open(Path.Combine(folder.Folder, "1_Pooling", "config.json"))!);
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-6f * Math.Max(1, MathF.Abs(expected[i])));
    }
}
