namespace LlmService.Tokenizers.Decoders;

/// <summary>Turns tokens back into text: the key <c>decoder</c>.</summary>
internal abstract class Decoder
{
    /// <summary>Starts a decode that writes into the next stage.</summary>
    public abstract DecodeStage Start(DecodeStage next);

    /// <summary>What a token looks like in running text, when this decoder changes its spelling.</summary>
    public virtual string Spell(string token) => token;

    /// <summary>The bytes of a token, when this decoder reads it as bytes.</summary>
    public virtual byte[]? Bytes(string token) => null;

    public static Decoder Read(JsonPart json)
    {
        JsonPart type = json.Get("type");
        return type.AsString() switch
        {
            "Sequence" => SequenceDecoder.Create(json),
            "ByteLevel" => new ByteLevelDecoder(),
            "Metaspace" => MetaspaceDecoder.Create(json),
            "Replace" => ReplaceDecoder.Create(json),
            "ByteFallback" => new ByteFallbackDecoder(),
            "Fuse" => new FuseDecoder(),
            "WordPiece" => WordPieceDecoder.Create(json),
            "BPEDecoder" => BpeDecoder.Create(json),
            "CTC" => CtcDecoder.Create(json),
            "Strip" => StripDecoder.Create(json),
            string name => throw type.Unsupported($"names the decoder '{name}', which this library does not know"),
        };
    }
}
