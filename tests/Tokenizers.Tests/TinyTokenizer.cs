using System.Text.Json;
using LlmService.Tokenizers.Decoders;
using LlmService.Tokenizers.Normalizers;
using LlmService.Tokenizers.PreTokenizers;

namespace LlmService.Tokenizers.Tests;

/// <summary>Tokenizers and components made by hand, small enough to check by reading.</summary>
internal static class TinyTokenizer
{
    /// <summary>A tokenizer of the given parts, each in JSON.</summary>
    public static Tokenizer Parse(
        string model, string normalizer = "null", string preTokenizer = "null", string postProcessor = "null", string decoder = "null", string added = "[]") =>
        Tokenizer.Parse(Json(model, normalizer, preTokenizer, postProcessor, decoder, added), "tiny.json");

    /// <summary>The file that <see cref="Parse"/> reads.</summary>
    public static byte[] Json(
        string model, string normalizer = "null", string preTokenizer = "null", string postProcessor = "null", string decoder = "null", string added = "[]") =>
        System.Text.Encoding.UTF8.GetBytes($$"""
            {"version":"1.0","truncation":null,"padding":null,"added_tokens":{{added}},"normalizer":{{normalizer}},"pre_tokenizer":{{preTokenizer}},
            "post_processor":{{postProcessor}},"decoder":{{decoder}},"model":{{model}}}
            """);

    /// <summary>A BPE model whose tokens have the ids of their places; <paramref name="rest"/> holds merges and settings.</summary>
    public static string Bpe(string tokens, string rest = "\"merges\":[]") =>
        $$"""{"type":"BPE","vocab":{{Vocabulary(tokens.Split(' '))}},{{rest}}}""";

    /// <summary>A BPE model of the characters of the byte alphabet, without merges: id and byte are the same.</summary>
    public static string Bytes() =>
        $$"""{"type":"BPE","vocab":{{Vocabulary([.. Enumerable.Range(0, 256).Select(b => ByteAlphabet.ToChar((byte)b).ToString())])}},"merges":[]}""";

    /// <summary>The tokens of a text, with spaces between.</summary>
    public static string Tokens(this Tokenizer tokenizer, string text, SpecialTokens special = SpecialTokens.Skip) =>
        string.Join(' ', tokenizer.Encode(text, special).Tokens);

    /// <summary>The tokens of a text with their offsets.</summary>
    public static string TokensWithOffsets(this Tokenizer tokenizer, string text, SpecialTokens special = SpecialTokens.Skip)
    {
        Encoding encoding = tokenizer.Encode(text, special);
        return string.Join(' ', encoding.Tokens.Zip(encoding.Offsets, (token, range) => $"{token}@{range.Start}-{range.End}"));
    }

    /// <summary>What a normalizer makes of a text.</summary>
    public static string Normalize(string json, string text)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return Normalize(Normalizer.Read(new JsonPart(document.RootElement, "$", "tiny.json")), text);
    }

    public static string Normalize(Normalizer normalizer, string text)
    {
        AlignedText aligned = new();
        aligned.Reset(text, 0, text.Length);
        normalizer.Apply(aligned);
        return aligned.Span.ToString();
    }

    /// <summary>The pieces a pre-tokenizer cuts a text into, with bars between.</summary>
    public static string Cut(string json, string text)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        PreTokenizedText pieces = new();
        pieces.Reset(text);
        PreTokenizer.Read(new JsonPart(document.RootElement, "$", "tiny.json")).Apply(pieces);
        return string.Join('|', pieces.Pieces.ToArray().Select(piece => pieces.Text.Span[piece.Start..piece.End].ToString()));
    }

    /// <summary>What a decoder makes of tokens.</summary>
    public static string Decode(string json, params string[] tokens)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return Decode(Decoder.Read(new JsonPart(document.RootElement, "$", "tiny.json")), tokens);
    }

    public static string Decode(Decoder decoder, IEnumerable<string> tokens)
    {
        TextSink sink = new();
        DecodeStage stage = decoder.Start(sink);
        foreach (string token in tokens) stage.Write(token, endOfToken: true);
        stage.End();
        return sink.Take();
    }

    private static string Vocabulary(string[] tokens) =>
        JsonSerializer.Serialize(tokens.Select((token, id) => (token, id)).ToDictionary(t => t.token, t => t.id));
}
