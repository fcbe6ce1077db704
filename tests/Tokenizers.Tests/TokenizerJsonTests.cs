namespace LlmService.Tokenizers.Tests;

public sealed class TokenizerJsonTests
{
    [Fact]
    public void Load_NoFile_IsMissing() =>
        Assert.Equal(TokenizerFailure.Missing, Assert.Throws<TokenizerException>(() => Tokenizer.Load("/does-not-exist")).Failure);

    [Theory]
    [InlineData("""{"model":{"type":"Magic"}}""", TokenizerFailure.Unsupported, "$.model.type")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}""", TokenizerFailure.Corrupt, "$.model.merges[0]")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":5,"vocab":[["a",0]]}}""", TokenizerFailure.Corrupt, "$.model.unk_id")]
    [InlineData("""{"normalizer":{"type":"Magic"}}""", TokenizerFailure.Unsupported, "$.normalizer.type")]
    [InlineData("""{"version":"1.0"}""", TokenizerFailure.Corrupt, "$.model")]
    [InlineData("[]", TokenizerFailure.Corrupt, "$")]
    public void Parse_BadFile_NamesThePlace(string json, TokenizerFailure failure, string path)
    {
        TokenizerException error = Assert.Throws<TokenizerException>(() => Tokenizer.Parse(System.Text.Encoding.UTF8.GetBytes(json), "tokenizer.json"));
        Assert.Equal((failure, path), (error.Failure, error.JsonPath));
    }

    /// <summary>Damaged files give our exception and no other, and what still loads can encode.</summary>
    [Fact]
    public void Parse_MutatedFile_OnlyTokenizerException()
    {
        byte[] original = File.ReadAllBytes(TestData.Fixture("tokenizers", "onnx-flan-t5", "tokenizer.json"));
        Random random = new(11);
        for (int round = 0; round < 150; round++)
        {
            byte[] mutated = [.. original];
            for (int i = 0; i < 1 + round % 4; i++) mutated[random.Next(mutated.Length)] = (byte)random.Next(32, 127);
            try
            {
                Tokenizer tokenizer = Tokenizer.Parse(mutated, "tokenizer.json");
                tokenizer.Decode([.. tokenizer.Encode("Ａ hé 😀 <extra_id_0> x", SpecialTokens.Include).Ids], SpecialTokens.Include);
            }
            catch (TokenizerException)
            {
            }
        }
    }
}
