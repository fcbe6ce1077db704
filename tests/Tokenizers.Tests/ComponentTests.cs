using System.Text.Json;
using System.Text.Json.Nodes;
using LlmService.Tokenizers.Decoders;
using LlmService.Tokenizers.Normalizers;
using LlmService.Tokenizers.PreTokenizers;

namespace LlmService.Tokenizers.Tests;

/// <summary>Single components against the reference vectors.</summary>
public sealed class ComponentTests
{
    [Theory]
    [InlineData("nfc")]
    [InlineData("nfd")]
    [InlineData("nfkc")]
    [InlineData("nfkd")]
    [InlineData("strip")]
    [InlineData("strip-left")]
    [InlineData("strip-right")]
    [InlineData("prepend")]
    [InlineData("precompiled")]
    [InlineData("precompiled-replace")]
    [InlineData("replace-string")]
    [InlineData("replace-space")]
    [InlineData("replace-regex-spaces")]
    [InlineData("replace-quotes")]
    [InlineData("llama-legacy")]
    public void Normalizer_ReferenceStrings_EqualsReference(string name) => AssertSame("normalizer", name, (json, line, strings) =>
    {
        Normalizer normalizer = Normalizer.Read(json);
        return strings.Zip(line.GetProperty("out").EnumerateArray(), (text, output) =>
            (text, output.ValueKind == JsonValueKind.Null ? text : output.GetString()!, normalizer.Apply(new AlignedText(text, 0, text.Length)).Span.ToString()));
    });

    [Theory]
    [InlineData("whitespace-split")]
    [InlineData("digits")]
    [InlineData("digits-individual")]
    [InlineData("bytelevel")]
    [InlineData("bytelevel-prefix")]
    [InlineData("bytelevel-noregex")]
    [InlineData("ws-metaspace")]
    [InlineData("digits-bytelevel")]
    [InlineData("gemma-space")]
    [InlineData("metaspace-always-split")]
    [InlineData("metaspace-always-nosplit")]
    [InlineData("metaspace-never-split")]
    [InlineData("metaspace-never-nosplit")]
    [InlineData("metaspace-first-split")]
    [InlineData("metaspace-first-nosplit")]
    [InlineData("split-space-Removed")]
    [InlineData("split-space-Isolated")]
    [InlineData("split-space-MergedWithPrevious")]
    [InlineData("split-space-MergedWithNext")]
    [InlineData("split-space-Contiguous")]
    [InlineData("rx-gpt2")]
    [InlineData("rx-qwen2")]
    [InlineData("rx-llama3")]
    public void PreTokenizer_ReferenceStrings_EqualsReference(string name) => AssertSame("pre_tokenizer", name, (json, line, strings) =>
    {
        PreTokenizer preTokenizer = PreTokenizer.Read(json);
        return strings.Zip(line.GetProperty("out").EnumerateArray(), (text, output) => (text, GoldenFile.Json(output), PreTokenize(preTokenizer, text)));
    });

    [Theory]
    [InlineData("bytelevel")]
    [InlineData("metaspace-always")]
    [InlineData("metaspace-never")]
    [InlineData("metaspace-first")]
    [InlineData("byte-fallback")]
    [InlineData("fuse")]
    [InlineData("strip-l1")]
    [InlineData("replace")]
    [InlineData("llama")]
    [InlineData("gemma")]
    public void Decoder_ReferenceTokens_EqualsReference(string name) => AssertSame("decoder", name, (json, line, _) =>
    {
        Decoder decoder = Decoder.Read(json);
        return line.GetProperty("in").EnumerateArray().Zip(line.GetProperty("out").EnumerateArray(), (input, output) =>
            (GoldenFile.Json(input), output.GetString()!, Decode(decoder, input.EnumerateArray().Select(token => token.GetString()!))));
    });

    private static void AssertSame(
        string kind, string name, Func<JsonPart, JsonElement, string[], IEnumerable<(string Input, string Expected, string Actual)>> run)
    {
        JsonElement[] lines = [.. GoldenFile.ReadLines(TestData.Shared("tokenizers", "components", "components.jsonl.gz"))];
        string[] strings = [.. lines[0].GetProperty("strings").EnumerateArray().Select(s => s.GetString()!)];
        JsonElement line = lines.Skip(1).Single(l => l.GetProperty("kind").GetString() == kind && l.GetProperty("name").GetString() == name);
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
        PreTokenizedText pieces = new(new AlignedText(text, 0, text.Length));
        if (text.Length > 0) pieces.Pieces.Add(new Piece(0, text.Length, 0, -1));
        preTokenizer.Apply(pieces);
        TextRange[] ranges = [.. pieces.Pieces.Select(piece => pieces.Text.Original(piece.Start, piece.End))];
        return GoldenFile.Json(pieces.Pieces.Zip(GoldenFile.CodePointOffsets(text, ranges),
            (piece, offsets) => new object[] { pieces.Text.Span[piece.Start..piece.End].ToString(), offsets }));
    }

    private static string Decode(Decoder decoder, IEnumerable<string> tokens)
    {
        TextSink sink = new();
        DecodeStage stage = decoder.Start(sink);
        foreach (string token in tokens) stage.Write(token, endOfToken: true);
        stage.End();
        return sink.Take();
    }
}
