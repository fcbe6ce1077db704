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
    [InlineData("llama-2")]
    [InlineData("mistral-v0.3")]
    [InlineData("syn-unigram-bytes")]
    public void Push_RandomIds_JoinedEqualsDecode(string family) => AssertStreams(GoldenFile.LoadTokenizer(family));

    [Fact]
    public void Push_OwnTokenizer_JoinedEqualsDecode() => AssertStreams(Tokenizer.Load(TestData.Fixture("tokenizers", "onnx-flan-t5")));

    /// <summary>Bytes that can no longer become text are certain at once; those that can wait for the end of their run.</summary>
    [Fact]
    public void Push_ByteTokens_WaitForTheEndOfTheRun()
    {
        Tokenizer tokenizer = TinyTokenizer.Parse(TinyTokenizer.Bpe("a <0xC3> <0xA9> <0xFF>"), decoder: """{"type":"ByteFallback"}""");
        Assert.Equal(["", "", "éa", "", "", "\uFFFD\uFFFD\uFFFD", "\uFFFD", "a", "", ""], Push(tokenizer, 1, 2, 0, 1, 2, 3, 1, 0, 1, 2));
    }

    /// <summary>An endless run of bytes does not wait for ever.</summary>
    [Fact]
    public void Push_LongByteRun_IsHandedOut()
    {
        Tokenizer tokenizer = TinyTokenizer.Parse(TinyTokenizer.Bpe("a <0xC3> <0xA9>"), decoder: """{"type":"ByteFallback"}""");
        DecodeStream stream = tokenizer.CreateDecodeStream(SpecialTokens.Skip);
        int longest = 0, waiting = 0;
        string text = "";
        for (int i = 0; i < 20_000; i++)
        {
            string piece = stream.Push(1 + i % 2);
            waiting = piece.Length > 0 ? 0 : waiting + 1;
            longest = Math.Max(longest, waiting);
            text += piece;
        }

        Assert.InRange(longest, 1, 4096);
        Assert.Equal(new string('é', 10_000), text + stream.Flush());
    }

    private static string[] Push(Tokenizer tokenizer, params int[] ids)
    {
        DecodeStream stream = tokenizer.CreateDecodeStream(SpecialTokens.Skip);
        return [.. ids.Select(stream.Push)];
    }

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
