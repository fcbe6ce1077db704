using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace LlmService.Tokenizers.Tests;

/// <summary>The examples of docs/tokenizers.md: they run here, and a test compares the page with this file.</summary>
[SuppressMessage("Style", "IDE1006:Naming Styles", Justification = "The page reads better without the marks of fields.")]
public sealed class GuideTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("guide-").FullName;
    private readonly Tokenizer tokenizer;

    public GuideTests()
    {
        File.WriteAllLines(Path.Combine(folder, "vocab.txt"), ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hello", "world", "one", "two", "three", "four", "[MASK]"]);
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"tokenizer_class":"BertTokenizer"}""");
        tokenizer = Tokenizer.Load(folder);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Encode()
    {
        Tokenizer tokenizer = Tokenizer.Load(folder);
        Encoding encoding = tokenizer.Encode("Hello world");

        Assert.Equal([2, 4, 5, 3], encoding.Ids);
        Assert.Equal(["[CLS]", "hello", "world", "[SEP]"], encoding.Tokens);
        Assert.Equal(new TextRange(0, 5), encoding.Offsets[1]);
        Assert.Equal([true, false, false, true], encoding.SpecialTokensMask);
    }

    [Fact]
    public void CodePoints()
    {
        Encoding encoding = tokenizer.Encode("😀 world", SpecialTokens.Skip);

        Assert.Equal(new TextRange(3, 8), encoding.Offsets[^1]);
        Assert.Equal(new TextRange(2, 7), encoding.CodePointOffsets("😀 world")[^1]);
    }

    [Fact]
    public void Decode()
    {
        Assert.Equal("hello world", tokenizer.Decode([2, 4, 5, 3]));
        Assert.Equal("[CLS] hello world [SEP]", tokenizer.Decode([2, 4, 5, 3], SpecialTokens.Include));
    }

    [Fact]
    public void Streaming()
    {
        DecodeStream stream = tokenizer.CreateDecodeStream();
        string text = "";
        foreach (int id in new[] { 2, 4, 5, 3 }) text += stream.Push(id);
        text += stream.Flush();

        Assert.Equal("hello world", text);
    }

    [Fact]
    public void Batches()
    {
        EncodeOptions options = new() { Truncation = new Truncation(6), Padding = new Padding { Id = 0, Token = "[PAD]" } };
        IReadOnlyList<Encoding> batch = tokenizer.EncodeBatch(["Hello world", "one two three four five six seven"], options);

        Assert.All(batch, encoding => Assert.Equal(6, encoding.Count));
        Assert.Equal([true, true, true, true, false, false], batch[0].AttentionMask);
        Assert.Equal(["[CLS]", "hello", "[SEP]", "world", "[SEP]"], tokenizer.Encode("Hello", "world").Tokens);
        Assert.Equal([-1, 0, -1, 1, -1], tokenizer.Encode("Hello", "world").SequenceIds);
    }

    [Fact]
    public void Strangers()
    {
        EncodeOptions asText = new() { SpecialTokens = SpecialTokens.Skip, SpecialTokensInText = SpecialTokensInText.AreText };

        Assert.Contains(3, tokenizer.Encode("[SEP]", SpecialTokens.Skip).Ids);
        Assert.DoesNotContain(3, tokenizer.Encode("[SEP]", null, asText).Ids);
    }

    [Fact]
    public void Errors()
    {
        byte[] json = """{"version":"1.0","normalizer":{"type":"Magic"},"model":{"type":"BPE","vocab":{},"merges":[]}}"""u8.ToArray();
        TokenizerException error = Assert.Throws<TokenizerException>(() => Tokenizer.Parse(json, "tokenizer.json"));

        Assert.Equal(TokenizerFailure.Unsupported, error.Failure);
        Assert.Equal("$.normalizer.type", error.JsonPath);
    }

    [Fact]
    public void Page_EveryExample_IsABodyHere()
    {
        string source = WithoutIndents(File.ReadAllText(ThisFile()));
        string[] examples = [.. File.ReadAllText(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "docs", "tokenizers.md"))
            .Split("```csharp\n").Skip(1).Select(block => WithoutIndents(block[..block.IndexOf("```", StringComparison.Ordinal)]))];
        Assert.Equal(7, examples.Length);
        Assert.All(examples, example => Assert.Contains("{\n" + example.Trim('\n') + "\n}", source, StringComparison.Ordinal));
    }

    private static string WithoutIndents(string text) => string.Join('\n', text.Split('\n').Select(line => line.Trim()));

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
