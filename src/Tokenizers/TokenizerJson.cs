using System.Text.Json;
using LlmService.Tokenizers.Decoders;
using LlmService.Tokenizers.Models;
using LlmService.Tokenizers.Normalizers;
using LlmService.Tokenizers.PostProcessors;
using LlmService.Tokenizers.PreTokenizers;

namespace LlmService.Tokenizers;

/// <summary>Reads <c>tokenizer.json</c>.</summary>
internal static class TokenizerJson
{
    private const long MostBytes = 256L << 20;
    private const int DeepestNesting = 64;

    public static Tokenizer Load(string path) => Parse(ReadFile(path), path);

    /// <summary>The bytes of a file, bounded.</summary>
    public static byte[] ReadFile(string path)
    {
        try
        {
            FileInfo info = new(path);
            if (!info.Exists) throw new TokenizerException(TokenizerFailure.Missing, $"{path} does not exist.") { File = path };
            if (info.Length > MostBytes) throw new TokenizerException(TokenizerFailure.Corrupt, $"{path} is larger than {MostBytes} bytes.") { File = path };
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TokenizerException(TokenizerFailure.Missing, $"{path} cannot be read: {e.Message}", e) { File = path };
        }
    }

    /// <summary>Parses a JSON file.</summary>
    public static JsonDocument ParseDocument(ReadOnlyMemory<byte> json, string file) =>
        Checked(json, file, text => JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = DeepestNesting }));

    private static T Checked<T>(ReadOnlyMemory<byte> json, string file, Func<ReadOnlyMemory<byte>, T> parse)
    {
        try
        {
            if (json.Length > MostBytes) throw new TokenizerException(TokenizerFailure.Corrupt, $"{file} is larger than {MostBytes} bytes.") { File = file };
            return parse(json.Span.StartsWith("\uFEFF"u8) ? json[3..] : json);
        }
        catch (JsonException e)
        {
            throw new TokenizerException(TokenizerFailure.Corrupt, $"{file} is not valid JSON: {e.Message}", e) { File = file, JsonPath = e.Path };
        }
    }

    public static Tokenizer Parse(ReadOnlyMemory<byte> json, string file)
    {
        ModelTables tables = Checked(json, file, text => ModelTables.Scan(text, file, DeepestNesting));
        using JsonDocument document = ParseDocument(tables.Outline, file);
        JsonPart root = new(document.RootElement, "$", file);
        root.AllowOnly("version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model");
        if (root.Find("version") is JsonPart version && version.AsString() != "1.0") throw version.Unsupported($"is '{version.AsString()}', which this library does not know");
        Normalizer? normalizer = root.Find("normalizer") is JsonPart n ? Normalizer.Read(n) : null;
        PreTokenizer? preTokenizer = root.Find("pre_tokenizer") is JsonPart p ? PreTokenizer.Read(p) : null;
        PostProcessor? postProcessor = root.Find("post_processor") is JsonPart q ? PostProcessor.Read(q) : null;
        Decoder decoder = root.Find("decoder") is JsonPart d ? Decoder.Read(d) : new SpacedDecoder();
        Model model = Model.Read(root.Get("model"), tables);
        IEnumerable<AddedToken> added = root.Find("added_tokens") is JsonPart a ? a.Items().Select(AddedToken.Read) : [];
        return new Tokenizer(new AddedVocabulary(added, model, normalizer), preTokenizer, model, postProcessor, decoder)
        {
            Truncation = root.Find("truncation") is JsonPart t ? Truncation.Read(t) : null,
            Padding = root.Find("padding") is JsonPart g ? Padding.Read(g) : null,
        };
    }
}
