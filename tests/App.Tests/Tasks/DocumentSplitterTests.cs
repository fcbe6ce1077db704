using System.IO.Compression;
using LlmService.App.Http;
using LlmService.Tokenizers;

namespace LlmService.App.Tasks;

public sealed class DocumentSplitterTests
{
    private const int MaxTokens = 100;

    private static readonly Tokenizer Bytes = ByteTokenizer.Create();
    private static readonly Tokenizer Pieces = Tokenizer.Load(Path.Combine(AppContext.BaseDirectory, "demo"));

    [Theory]
    [InlineData("One one. One.\n\nTwo. Three", 20, "One one. One.\n\n|Two. Three")]
    [InlineData("One one one one. Two. Three three", 26, "One one one one. Two. |Three three")]
    [InlineData("He said \"Go!\" Then he went away", 20, "He said \"Go!\" |Then he went away")]
    [InlineData("one two three four", 10, "one two |three four")]
    [InlineData("onetwothreefour", 5, "onetw|othre|efour")]
    [InlineData("你好吗朋友。再见吧", 24, "你好吗朋友。|再见吧")]
    [InlineData("A title\n\none two three four five six seven eight", 40, "A title\n\none two three four five six |seven eight")]
    [InlineData("One.\r\n\r\nTwo", 9, "One.\r\n\r\n|Two")]
    [InlineData("😀😀😀", 9, "😀😀|😀")]
    public void Split_Text_PrefersTheBestEnd(string text, int room, string parts) =>
        Assert.Equal(parts.Split('|'), new DocumentSplitter(Bytes, part => Count(Bytes, part), room).Split(text, int.MaxValue, TestContext.Current.CancellationToken));

    [Fact]
    public void Split_AnyText_LosesNothingAndEveryPartFits()
    {
        Random random = new(11);
        for (int trial = 0; trial < 400; trial++)
            AssertParts(trial % 2 == 0 ? Bytes : Pieces, AnyText(random));
    }

    [Theory]
    [InlineData("flan-t5")]
    [InlineData("llama-2")]
    [InlineData("llama-3")]
    [InlineData("gpt-2")]
    [InlineData("qwen2.5")]
    [InlineData("mistral-v0.3")]
    [InlineData("phi-3-mini")]
    public void Split_TokenizersOfTheField_LoseNothingAndEveryPartFits(string family)
    {
        string path = TestData.Shared("tokenizers", family, "tokenizer.json.gz");
        using GZipStream file = new(File.OpenRead(path), CompressionMode.Decompress);
        using MemoryStream json = new();
        file.CopyTo(json);
        Tokenizer tokenizer = Tokenizer.Parse(json.ToArray(), path);
        Random random = new(13);
        for (int trial = 0; trial < 50; trial++)
            AssertParts(tokenizer, AnyText(random));
        foreach (string unit in new[] { "x", " ", "\n", "word ", "文", "a, b." })
            AssertParts(tokenizer, string.Concat(Enumerable.Repeat(unit, 5_000)));
    }

    [Theory]
    [InlineData("x")]
    [InlineData(" ")]
    [InlineData("\n")]
    [InlineData(".")]
    [InlineData("))))")]
    [InlineData("word ")]
    [InlineData("中文字。")]
    [InlineData("😀")]
    [InlineData("a\n\n")]
    public void Split_LongMonotony_IsSwift(string unit)
    {
        string text = string.Concat(Enumerable.Repeat(unit, 60_000 / unit.Length));
        AssertParts(Bytes, text);
        AssertParts(Pieces, text);
    }

    [Fact]
    public void Split_PromptWithoutRoom_SaysSo()
    {
        DocumentSplitter splitter = new(Bytes, part => Count(Bytes, new string('p', 50) + part), 50);
        AppException e = Assert.Throws<AppException>(() => splitter.Split("text", 9, TestContext.Current.CancellationToken));
        Assert.Equal(FailureCode.ContextLengthExceeded, e.Code);
        Assert.Contains("50 tokens", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Split_CharacterLargerThanTheRoom_SaysSo()
    {
        AppException e = Assert.Throws<AppException>(() => new DocumentSplitter(Bytes, part => Count(Bytes, part), 3).Split("😀", 9, TestContext.Current.CancellationToken));
        Assert.Equal(FailureCode.ContextLengthExceeded, e.Code);
    }

    [Fact]
    public void Split_TooManyParts_GivesUp()
    {
        DocumentSplitter splitter = new(Bytes, part => Count(Bytes, part), 4);
        Assert.Equal(3, splitter.Split(new string('x', 12), 3, TestContext.Current.CancellationToken)!.Count);
        Assert.Null(splitter.Split(new string('x', 13), 3, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Split_Cancelled_Ends() =>
        Assert.Throws<OperationCanceledException>(() => new DocumentSplitter(Bytes, part => Count(Bytes, part), 4).Split("text", 9, new CancellationToken(canceled: true)));

    private static int Count(Tokenizer tokenizer, string prompt) => tokenizer.Encode(prompt, SpecialTokens.Include).Count;

    private static string AnyText(Random random)
    {
        string[] pieces = ["word ", "a", "Sentence end. ", "\n\n", "\r\n", "    ", "，", "结束。", "😀", "👩‍👩‍👧", "é", "\ud800", "\udc00", "</s>", "<unk>", "\0", "ﬃ", new('x', 70), new(' ', 70)];
        return string.Concat(Enumerable.Range(0, random.Next(1, 120)).Select(_ => pieces[random.Next(pieces.Length)]));
    }

    private static void AssertParts(Tokenizer tokenizer, string text)
    {
        static string Prompt(string part) => $"Summarize: {part.Trim()} !";
        List<string> parts = new DocumentSplitter(tokenizer, part => Count(tokenizer, Prompt(part)), MaxTokens).Split(text, int.MaxValue, TestContext.Current.CancellationToken)!;
        Assert.Equal(text, string.Concat(parts));
        Assert.All(parts, part =>
        {
            Assert.NotEqual("", part);
            Assert.InRange(Count(tokenizer, Prompt(part)), 1, MaxTokens);
        });
        for (int i = 1; i < parts.Count; i++)
            Assert.False(char.IsSurrogatePair(parts[i - 1][^1], parts[i][0]));
    }
}
