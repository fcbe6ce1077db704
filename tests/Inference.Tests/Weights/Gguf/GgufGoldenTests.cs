using System.Text.Json;
using LlmService.Inference.Execution;
using LlmService.Inference.Tests.Architectures;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Weights.Gguf;

/// <summary>Golden models written as GGUF against the same numbers as safetensors.</summary>
public sealed class GgufGoldenTests : IDisposable
{
    private const float Tolerance = 2e-4f;

    private readonly CheckpointFolder _published = new(), _converted = new();

    public static TheoryData<string, uint> Cases
    {
        get
        {
            TheoryData<string, uint> cases = [];
            foreach (string name in new[] { "llama-gqa", "mistral-sliding", "qwen2-tied", "flan-t5", "t5-v1_0" })
            {
                foreach (uint type in new[] { GgufWriter.F32, GgufWriter.F16, GgufWriter.Bf16, GgufWriter.Q8_0, GgufWriter.Q4_0, GgufWriter.Q4_1, GgufWriter.Q5_0, GgufWriter.Q5_1 })
                    cases.Add(name, type);
            }
            return cases;
        }
    }

    public void Dispose()
    {
        _published.Dispose();
        _converted.Dispose();
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Forward_GoldenModelAsGguf_GivesTheBitsOfItsNumbersAsSafetensors(string name, uint type)
    {
        Write(TestData.Fixture("golden", name), type, new GgufWriter());

        AssertSameLogits();
    }

    [Theory]
    [InlineData(2u, 32u)]
    [InlineData(3u, 64u)]
    [InlineData(3u, 8u)]
    public void Forward_VersionsAndAlignments_GiveTheSameBits(uint version, uint alignment)
    {
        Write(TestData.Fixture("golden", "llama-gqa"), GgufWriter.Q8_0, new GgufWriter { Version = version, Alignment = alignment });

        AssertSameLogits();
    }

    [Theory]
    [InlineData("llama-rope-linear-sharded")]
    [InlineData("llama-bias-headdim-fp16")]
    [InlineData("llama-mha-tied-bf16")]
    [InlineData("mistral-full-bf16")]
    [InlineData("qwen3-tied")]
    [InlineData("qwen3-bf16-untied")]
    [InlineData("gemma")]
    [InlineData("gemma2")]
    [InlineData("gemma3-text")]
    [InlineData("phi3-plain")]
    [InlineData("phi3-longrope")]
    [InlineData("phi3-partial-longrope")]
    [InlineData("gpt2")]
    public void Forward_ReferenceDataAsGguf_GivesTheBitsOfItsNumbersAsSafetensors(string name)
    {
        foreach (uint type in new[] { GgufWriter.F16, GgufWriter.Q8_0 })
        {
            string config = Write(TestData.Shared("golden", name), type, new GgufWriter());
            AssertSameLogits();
            _converted.Write("config.json", config);
            AssertSameLogits();
            File.Delete(_converted["config.json"]);
        }
    }

    [Theory]
    [InlineData("qwen3-tied")]
    [InlineData("gemma")]
    [InlineData("phi3-plain")]
    [InlineData("phi3-longrope")]
    [InlineData("gpt2")]
    public void Forward_WhatGgufCanSay_MatchesTheReference(string name)
    {
        Write(TestData.Shared("golden", name), GgufWriter.F32, new GgufWriter());

        AssertMatchesTheReference();
    }

    [Fact]
    public void Forward_StoredRotaryFactors_MatchTheReference()
    {
        Write(TestData.Shared("golden", "llama-rope-llama3-tied"), GgufWriter.F32, new GgufWriter());

        AssertMatchesTheReference();
    }

    [Fact]
    public void Load_ConfigurationBeside_GgufGivesTheWeightsOnly()
    {
        Write(TestData.Fixture("golden", "llama-gqa"), GgufWriter.F32, new GgufWriter());
        // A context that only config.json states tells which of the two was read.
        string config = File.ReadAllText(_published["config.json"]).Replace("\"max_position_embeddings\": 256", "\"max_position_embeddings\": 250", StringComparison.Ordinal);
        _converted.Write("config.json", config);

        using (GoldenCase model = GoldenCase.Open(_converted.Folder))
            Assert.Equal(250, model.Runner.Model.ContextLength);
        WeightChoice alone = _converted.Choice with { IsSelfContained = true };
        Assert.Equal(256, ModelSource.Of(_converted.Folder, alone).Configuration().ContextTokens);
        AssertSameLogits();
    }

    private string Write(string golden, uint type, GgufWriter writer)
    {
        string config = Sayable(File.ReadAllText(Path.Combine(golden, "config.json")));
        _published.Write("model.safetensors", GgufGolden.Write(golden, config, type, writer));
        _converted.Write("model.gguf", writer.Build());
        _published.Write("config.json", config);
        foreach (CheckpointFolder folder in new[] { _published, _converted })
            File.Copy(Path.Combine(golden, "expected.json"), folder["expected.json"], overwrite: true);
        return config;
    }

    // The format has no word for the activation, a llama is one with SiLU; nor for the scale of scores, which a small Gemma has by the size of its heads.
    private static string Sayable(string config) => config.Replace("\"hidden_act\": \"gelu\"", "\"hidden_act\": \"silu\"", StringComparison.Ordinal)
        .Replace("\"query_pre_attn_scalar\": 24", "\"query_pre_attn_scalar\": 16", StringComparison.Ordinal);

    private void AssertMatchesTheReference()
    {
        using GoldenCase model = GoldenCase.Open(_converted.Folder);

        foreach (GoldenPrompt prompt in model.Prompts)
        {
            using SequenceCache cache = model.Begin(prompt);
            float[] logits = model.AllLogits(cache, prompt.DecoderIds, prompt.DecoderIds.Length);
            for (int i = 0; i < prompt.LogitsPositions.Length; i++)
            {
                for (int token = 0; token < model.Vocabulary; token++)
                    Assert.Equal(prompt.Logits[i][token], logits[prompt.LogitsPositions[i] * model.Vocabulary + token], Tolerance);
            }
        }
    }

    private void AssertSameLogits()
    {
        using GoldenCase published = GoldenCase.Open(_published.Folder), converted = GoldenCase.Open(_converted.Folder);
        foreach (GoldenPrompt prompt in published.Prompts)
            Assert.Equal(Logits(published, prompt), Logits(converted, prompt));
        Assert.Equal(published.Runner.Model.ParameterCount + FactorsInConfiguration(), converted.Runner.Model.ParameterCount);
    }

    // What config.json lists, a GGUF file has as tensors.
    private int FactorsInConfiguration()
    {
        JsonElement config = JsonDocument.Parse(File.ReadAllText(_published["config.json"])).RootElement;
        return config.TryGetProperty("rope_scaling", out JsonElement scaling) && scaling.ValueKind == JsonValueKind.Object
            ? scaling.EnumerateObject().Where(field => field.Name is "short_factor" or "long_factor").Sum(field => field.Value.GetArrayLength()) : 0;
    }

    private static float[] Logits(GoldenCase model, GoldenPrompt prompt)
    {
        using SequenceCache cache = model.Begin(prompt);
        return model.AllLogits(cache, prompt.DecoderIds, prompt.DecoderIds.Length);
    }
}
