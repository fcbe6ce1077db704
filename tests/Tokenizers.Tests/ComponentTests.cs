using System.Text.Json;
using System.Text.Json.Nodes;
using LlmService.Tokenizers.Decoders;
using LlmService.Tokenizers.Normalizers;
using LlmService.Tokenizers.PreTokenizers;

namespace LlmService.Tokenizers.Tests;

/// <summary>Every single component of the reference vectors.</summary>
public sealed class ComponentTests
{
    private static readonly Lazy<JsonElement[]> Lines =
        new(() => [.. GoldenFile.ReadLines(TestData.Shared("tokenizers", "components", "components.jsonl.gz"))]);

    public static TheoryData<string> Normalizers() => Names("normalizer");

    public static TheoryData<string> PreTokenizers() => Names("pre_tokenizer");

    public static TheoryData<string> Decoders() => Names("decoder");

    [Theory]
    [MemberData(nameof(Normalizers))]
    public void Normalizer_ReferenceStrings_EqualsReference(string name) => AssertSame("normalizer", name, (json, line, strings) =>
    {
        Normalizer normalizer = Normalizer.Read(json);
        return strings.Zip(line.GetProperty("out").EnumerateArray(), (text, output) =>
            (text, output.ValueKind == JsonValueKind.Null ? text : output.GetString()!, TinyTokenizer.Normalize(normalizer, text)));
    });

    [Theory]
    [MemberData(nameof(PreTokenizers))]
    public void PreTokenizer_ReferenceStrings_EqualsReference(string name) => AssertSame("pre_tokenizer", name, (json, line, strings) =>
    {
        PreTokenizer preTokenizer = PreTokenizer.Read(json);
        return strings.Zip(line.GetProperty("out").EnumerateArray(), (text, output) => (text, GoldenFile.Json(output), PreTokenize(preTokenizer, text)));
    });

    [Theory]
    [MemberData(nameof(Decoders))]
    public void Decoder_ReferenceTokens_EqualsReference(string name) => AssertSame("decoder", name, (json, line, _) =>
    {
        Decoder decoder = Decoder.Read(json);
        return line.GetProperty("in").EnumerateArray().Zip(line.GetProperty("out").EnumerateArray(), (input, output) =>
            (GoldenFile.Json(input), output.GetString()!, TinyTokenizer.Decode(decoder, input.EnumerateArray().Select(token => token.GetString()!))));
    });

    private static TheoryData<string> Names(string kind) => TestData.HasShared
        ? [.. Lines.Value.Skip(1).Where(line => line.GetProperty("kind").GetString() == kind).Select(line => line.GetProperty("name").GetString()!)]
        : ["none"];

    private static void AssertSame(
        string kind, string name, Func<JsonPart, JsonElement, string[], IEnumerable<(string Input, string Expected, string Actual)>> run)
    {
        TestData.Shared("tokenizers");
        string[] strings = [.. Lines.Value[0].GetProperty("strings").EnumerateArray().Select(s => s.GetString()!)];
        JsonElement line = Lines.Value.Skip(1).Single(l => l.GetProperty("kind").GetString() == kind && l.GetProperty("name").GetString() == name);
        string config = line.GetProperty("config").GetRawText();
        if (config.Contains("see charsmap.txt", StringComparison.Ordinal))
            config = config.Replace("see charsmap.txt", File.ReadAllText(TestData.Shared("tokenizers", "components", "charsmap.txt")).Trim(), StringComparison.Ordinal);
        using JsonDocument document = JsonDocument.Parse(config);
        string[] differences = [.. run(new JsonPart(document.RootElement, "$", name), line, strings)
            .Where(r => r.Expected != r.Actual)
            .Select(r => $"{JsonValue.Create(r.Input)}: {r.Actual}, expected {r.Expected}")];
        Assert.True(differences.Length == 0, $"{differences.Length} differences:\n{string.Join('\n', differences.Take(20))}");
    }

    private static string PreTokenize(PreTokenizer preTokenizer, string text)
    {
        PreTokenizedText pieces = new();
        pieces.Reset(text);
        preTokenizer.Apply(pieces);
        Unicode.CodePointCounter counter = new(text);
        List<object> result = [];
        foreach (Piece piece in pieces.Pieces)
        {
            TextRange range = counter.Count(pieces.Text.Original(piece.Start, piece.End));
            result.Add(new object[] { pieces.Text.Span[piece.Start..piece.End].ToString(), new[] { range.Start, range.End } });
        }

        return GoldenFile.Json(result);
    }
}
