namespace LlmService.Tokenizers.Tests;

public sealed class ConcurrencyTests
{
    [Theory]
    [InlineData("BPE")]
    [InlineData("Unigram")]
    public void Encode_ManyThreads_EqualsOneThread(string model)
    {
        Tokenizer Create() => model == "Unigram"
            ? Tokenizer.Load(TestData.Fixture("tokenizers", "onnx-flan-t5"))
            : TinyTokenizer.Parse(
                TinyTokenizer.Bpe("a b c ab bc abc Ġ Ġa Ġab", """ "merges":["a b","b c","ab c","Ġ a","Ġ ab"]"""),
                preTokenizer: """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true}""", decoder: """{"type":"ByteLevel"}""");
        Random random = new(3);
        string[] texts = [.. Enumerable.Range(0, 400).Select(_ => new string([.. Enumerable.Range(0, random.Next(60)).Select(_ => "abc e"[random.Next(5)])]))];
        Tokenizer alone = Create(), shared = Create();
        string[] expected = [.. texts.Select(text => alone.TokensWithOffsets(text, SpecialTokens.Include))];
        string[] actual = new string[texts.Length];
        for (int round = 0; round < 3; round++)
        {
            Parallel.For(0, texts.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
            {
                actual[i] = shared.TokensWithOffsets(texts[i], SpecialTokens.Include);
                shared.Decode([.. shared.Encode(texts[i], SpecialTokens.Include).Ids], SpecialTokens.Skip);
            });
            Assert.Equal(expected, actual);
        }
    }
}
