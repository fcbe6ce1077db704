using System.Text.Json;

namespace LlmService.Tokenizers.Tests;

public sealed class GoldenTests
{
    /// <summary>Every family that the folder of reference vectors has; one that is new there is tested without a word here.</summary>
    public static TheoryData<string> Families() => [.. TestData.SharedFolders("tokenizers").Where(family => family != "components").DefaultIfEmpty("none")];

    /// <summary>Every string of the reference vectors: ids, tokens, offsets, masks, types and decodes.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Encode_ReferenceStrings_EqualsReference(string family)
    {
        Tokenizer tokenizer = GoldenFile.LoadTokenizer(family);
        AssertNone(GoldenFile.Lines(family).SelectMany(line => GoldenFile.Differences(tokenizer, line)));
    }

    /// <summary>Pairs, truncation and padding.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Encode_ReferencePairs_EqualsReference(string family)
    {
        Tokenizer tokenizer = GoldenFile.LoadTokenizer(family);
        AssertNone(GoldenFile.ReadLines(TestData.Shared("tokenizers", family, "golden-pairs.jsonl.gz")).SelectMany(line =>
            line.GetProperty("kind").GetString() switch
            {
                "pair" => PairDifferences(tokenizer, line),
                "truncate" => TruncationDifferences(tokenizer, line),
                "pad" => PaddingDifferences(tokenizer, line),
                string kind => throw new InvalidDataException(kind),
                null => throw new InvalidDataException("no kind"),
            }));
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

    private static IEnumerable<string> PairDifferences(Tokenizer tokenizer, JsonElement line)
    {
        string first = line.GetProperty("a").GetString()!, second = line.GetProperty("b").GetString()!;
        Encoding encoding = tokenizer.Encode(first, second, line.GetProperty("add_special_tokens").GetBoolean() ? SpecialTokens.Include : SpecialTokens.Skip);
        return Differences(line, new()
        {
            ["ids"] = GoldenFile.Json(encoding.Ids),
            ["type_ids"] = GoldenFile.Json(encoding.TypeIds),
            ["tokens"] = GoldenFile.Json(encoding.Tokens),
            ["offsets"] = GoldenFile.Offsets(encoding, first, second),
            ["special_tokens_mask"] = GoldenFile.Bits(encoding.SpecialTokensMask),
            ["attention_mask"] = GoldenFile.Bits(encoding.AttentionMask),
            ["word_ids"] = GoldenFile.Numbers(encoding.WordIds),
            ["sequence_ids"] = GoldenFile.Numbers(encoding.SequenceIds),
        });
    }

    private static IEnumerable<string> TruncationDifferences(Tokenizer tokenizer, JsonElement line)
    {
        EncodeOptions options = new()
        {
            Truncation = new Truncation(line.GetProperty("max_length").GetInt32())
            {
                Direction = line.GetProperty("direction").GetString() == "left" ? TruncationDirection.Left : TruncationDirection.Right,
            },
        };
        string text = line.GetProperty("text").GetString()!;
        Dictionary<string, string> actual = new() { ["ids"] = GoldenFile.Json(tokenizer.Encode(text, null, options).Ids) };
        if (line.TryGetProperty("pair_first", out JsonElement first))
        {
            Encoding pair = tokenizer.Encode(first.GetString()!, text, options);
            actual.Add("pair_ids", GoldenFile.Json(pair.Ids));
            actual.Add("pair_type_ids", GoldenFile.Json(pair.TypeIds));
        }

        return Differences(line, actual);
    }

    private static IEnumerable<string> PaddingDifferences(Tokenizer tokenizer, JsonElement line)
    {
        Encoding encoding = tokenizer.Encode(line.GetProperty("text").GetString()!, null, new EncodeOptions
        {
            Padding = new Padding
            {
                Length = line.GetProperty("length").GetInt32(),
                Direction = line.GetProperty("direction").GetString() == "left" ? PaddingDirection.Left : PaddingDirection.Right,
                Id = line.GetProperty("pad_id").GetInt32(),
                Token = line.GetProperty("pad_token").GetString()!,
            },
        });
        return Differences(line, new()
        {
            ["ids"] = GoldenFile.Json(encoding.Ids),
            ["tokens"] = GoldenFile.Json(encoding.Tokens),
            ["attention_mask"] = GoldenFile.Bits(encoding.AttentionMask),
        });
    }

    private static IEnumerable<string> Differences(JsonElement line, Dictionary<string, string> actual) =>
        from field in actual
        let expected = GoldenFile.Json(line.GetProperty(field.Key))
        where expected != field.Value
        select $"{line.GetProperty("kind")} {field.Key}: {field.Value}, expected {expected}, in {GoldenFile.Json(line)[..Math.Min(200, GoldenFile.Json(line).Length)]}";

    private static void AssertNone(IEnumerable<string> found)
    {
        string[] differences = [.. found];
        Assert.True(differences.Length == 0, $"{differences.Length} differences:\n{string.Join('\n', differences.Take(20))}");
    }

    private static int[] Ids(JsonElement line, string name) => [.. line.GetProperty(name).EnumerateArray().Select(e => e.GetInt32())];
}
