using System.Text.Json;

namespace LlmService.Tokenizers.Tests;

public sealed class GoldenTests
{
    /// <summary>Every string of the reference vectors: ids, tokens, offsets, masks, types and decodes.</summary>
    [Theory]
    [InlineData("flan-t5")]
    [InlineData("t5-small")]
    [InlineData("flan-t5-transformers5")]
    [InlineData("tinystories-llama")]
    [InlineData("llama-2")]
    [InlineData("llama-3")]
    [InlineData("tinyllama")]
    [InlineData("mistral-v0.3")]
    [InlineData("gpt-2")]
    [InlineData("gpt-neox-20b")]
    [InlineData("phi-2")]
    [InlineData("phi-3-mini")]
    [InlineData("qwen2.5")]
    [InlineData("smollm")]
    [InlineData("starcoder")]
    [InlineData("pegasus")]
    [InlineData("camembert")]
    [InlineData("xlm-r-stub")]
    [InlineData("chatglm3")]
    [InlineData("bertchen")]
    [InlineData("whisper-tiny")]
    [InlineData("syn-gemma")]
    [InlineData("syn-modernbert")]
    [InlineData("syn-bpe-unk-fused")]
    [InlineData("syn-unigram-bytes")]
    public void Encode_ReferenceStrings_EqualsReference(string family)
    {
        Tokenizer tokenizer = GoldenFile.LoadTokenizer(family);
        string[] differences = [.. GoldenFile.Lines(family).SelectMany(line => GoldenFile.Differences(tokenizer, line))];
        Assert.True(differences.Length == 0, $"{differences.Length} differences:\n{string.Join('\n', differences.Take(20))}");
    }

    [Fact]
    public void Encode_OwnT5Texts_EqualsReference()
    {
        Tokenizer tokenizer = Tokenizer.Load(TestData.Fixture("tokenizers", "onnx-flan-t5"));
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(TestData.Fixture("tokenizers", "onnx-flan-t5", "text_expected.json")));
        foreach (JsonElement text in expected.RootElement.GetProperty("texts").EnumerateArray())
        {
            Assert.Equal(Ids(text, "input_ids"), tokenizer.Encode(text.GetProperty("text").GetString()!, SpecialTokens.Include).Ids);
            Assert.Equal(text.GetProperty("generated_text").GetString(), tokenizer.Decode(Ids(text, "generated"), SpecialTokens.Skip));
        }
    }

    private static int[] Ids(JsonElement line, string name) => [.. line.GetProperty(name).EnumerateArray().Select(e => e.GetInt32())];
}
