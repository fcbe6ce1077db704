namespace LlmService.Tokenizers.Tests;

public sealed class DecodeStreamTests
{
    /// <summary>Random ids: the joined pieces equal the whole decode, and no piece ends in half a character.</summary>
    [Theory]
    [InlineData("flan-t5")]
    [InlineData("t5-small")]
    [InlineData("tinystories-llama")]
    [InlineData("gpt-2")]
    [InlineData("qwen2.5")]
    public void Push_RandomIds_JoinedEqualsDecode(string family) => AssertStreams(GoldenFile.LoadTokenizer(family));

    [Fact]
    public void Push_OwnTokenizer_JoinedEqualsDecode() => AssertStreams(Tokenizer.Load(TestData.Fixture("tokenizers", "onnx-flan-t5")));

    private static void AssertStreams(Tokenizer tokenizer)
    {
        Random random = new(7);
        for (int round = 0; round < 300; round++)
        {
            // Low ids hold the bytes and the special tokens of these families.
            int highest = round % 2 == 0 ? Math.Min(300, tokenizer.VocabularySize) : tokenizer.VocabularySize + 2;
            int[] ids = [.. Enumerable.Range(0, random.Next(0, 30)).Select(_ => random.Next(highest))];
            foreach (SpecialTokens special in Enum.GetValues<SpecialTokens>())
            {
                DecodeStream stream = tokenizer.CreateDecodeStream(special);
                string[] pieces = [.. ids.Select(stream.Push), stream.Flush()];
                Assert.All(pieces, piece => Assert.False(piece.Length > 0 && char.IsHighSurrogate(piece[^1])));
                Assert.Equal(tokenizer.Decode(ids, special), string.Concat(pieces));
            }
        }
    }
}
