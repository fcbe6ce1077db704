using CsCheck;

namespace LlmService.Tokenizers.Tests;

/// <summary>What holds for every text and every family.</summary>
public sealed class PropertyTests
{
    // Letters, digits, spaces and marks of many scripts, and what tends to go wrong: zero-width characters, joiners, controls, byte-like spellings.
    private static readonly string[] Odd =
    [
        "é", "ß", "ſ", "İ", "Σ", "日", "本", "語", "한", "हि", "😀", "👍🏽", "𝐀", "\u0301", "\u200D", "\u200B", "\uFEFF", "\u3000", "\r\n", "  ", "▁", "Ġ", "<0x41>", "<s>", "</s>",
        "[MASK]", "it's", "12345",
    ];

    private static readonly Gen<string> Texts = Gen.OneOf(
        Gen.Char["abcdefghij ABC 012 .,!?'\"-\n\t"].Select(c => c.ToString()), Gen.Int[0, Odd.Length - 1].Select(i => Odd[i]))
        .Array[0, 40].Select(parts => string.Concat(parts));

    public static TheoryData<string> AllFamilies() => GoldenTests.Families();

    /// <summary>The families whose tokens keep all that a text has.</summary>
    public static TheoryData<string> LosslessFamilies() =>
        TestData.HasShared ? ["gpt-2", "llama-3", "smollm", "starcoder", "roberta-base", "bart", "whisper-tiny", "phi-2", "syn-deepseek3-regex", "syn-o200k-regex"] : ["none"];

    [Theory]
    [MemberData(nameof(LosslessFamilies))]
    public void Decode_OfEncode_IsTheText(string family)
    {
        Tokenizer tokenizer = GoldenFile.LoadTokenizer(family);
        Texts.Where(text => !text.Contains("<s>", StringComparison.Ordinal) && !text.Contains("</s>", StringComparison.Ordinal) && !text.Contains("[MASK]", StringComparison.Ordinal))
            .Sample(text => tokenizer.Decode(tokenizer.Encode(text, SpecialTokens.Skip).IdSpan, SpecialTokens.Include) == text, iter: 300, threads: 1);
    }

    /// <summary>Offsets lie inside the text, and never grow backwards in their ends by more than what normalization moves; each slices the text at characters.</summary>
    [Theory]
    [MemberData(nameof(AllFamilies))]
    public void Offsets_OfAnyText_SliceIt(string family)
    {
        Tokenizer tokenizer = GoldenFile.LoadTokenizer(family);
        Texts.Sample(text =>
        {
            Encoding encoding = tokenizer.Encode(text);
            foreach (TextRange range in encoding.Offsets)
            {
                Assert.True(0 <= range.Start && range.Start <= range.End && range.End <= text.Length);
                Assert.False(range.Start < text.Length && char.IsLowSurrogate(text[range.Start]));
                Assert.False(range.End > 0 && char.IsHighSurrogate(text[range.End - 1]));
            }
        }, iter: 100, threads: 1);
    }

    /// <summary>Byte-level tokens without trimmed offsets are what their slices say: together they cover the text.</summary>
    [Fact]
    public void Offsets_OfByteLevelTokens_CoverTheText()
    {
        Tokenizer tokenizer = GoldenFile.LoadTokenizer("gpt-2");
        Texts.Sample(text =>
        {
            Encoding encoding = tokenizer.Encode(text, SpecialTokens.Skip);
            int end = 0;
            foreach (TextRange range in encoding.Offsets)
            {
                Assert.True(range.Start <= end);
                end = range.End;
            }

            Assert.Equal(text.Length, end);
        }, iter: 300, threads: 1);
    }

    [Theory]
    [MemberData(nameof(AllFamilies))]
    public void Push_IdsOfAnyText_JoinToTheWholeDecode(string family)
    {
        Tokenizer tokenizer = GoldenFile.LoadTokenizer(family);
        Gen.Select(Texts, Gen.Bool).Sample((text, skip) =>
        {
            SpecialTokens special = skip ? SpecialTokens.Skip : SpecialTokens.Include;
            int[] ids = [.. tokenizer.Encode(text).Ids];
            DecodeStream stream = tokenizer.CreateDecodeStream(special);
            string[] pieces = [.. ids.Select(stream.Push), stream.Flush()];
            Assert.All(pieces, piece => Assert.False(piece.Length > 0 && (char.IsHighSurrogate(piece[^1]) || char.IsLowSurrogate(piece[0]))));
            Assert.Equal(tokenizer.Decode(ids, special), string.Concat(pieces));
        }, iter: 100, threads: 1);
    }

    [Theory]
    [InlineData("flan-t5")]
    [InlineData("llama-2")]
    [InlineData("qwen2.5")]
    [InlineData("bert-base-uncased")]
    public void EncodeBatch_ManyTexts_EqualsSingles(string family)
    {
        Tokenizer tokenizer = GoldenFile.LoadTokenizer(family);
        Texts.Array[1, 20].Sample(texts =>
        {
            IReadOnlyList<Encoding> batch = tokenizer.EncodeBatch(texts);
            for (int i = 0; i < texts.Length; i++)
            {
                Encoding single = tokenizer.Encode(texts[i]);
                Assert.Equal(single.Ids, batch[i].Ids);
                Assert.Equal(single.Offsets, batch[i].Offsets);
                Assert.Equal(single.Tokens, batch[i].Tokens);
            }
        }, iter: 40, threads: 1);
    }

    /// <summary>A long text of one character, and one without spaces, take time proportional to their size: a family that took its square would not end.</summary>
    [Theory]
    [MemberData(nameof(AllFamilies))]
    public async Task Encode_LongTextsWithoutSpaces_End(string family)
    {
        Tokenizer tokenizer = GoldenFile.LoadTokenizer(family);
        Random random = new(1);
        string[] texts = [new string('a', 200_000), new string(' ', 200_000), string.Create(200_000, random, (span, r) => { foreach (ref char c in span) c = (char)r.Next('a', 'z' + 1); })];
        Task work = Task.Run(() => { foreach (string text in texts) tokenizer.Encode(text); }, TestContext.Current.CancellationToken);
        await work.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
    }
}
