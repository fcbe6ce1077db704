namespace LlmService.Tokenizers.Normalizers;

/// <summary>Changes the text before it is cut: the key <c>normalizer</c>.</summary>
internal abstract class Normalizer
{
    public abstract void Apply(AlignedText text);

    public static Normalizer Read(JsonPart json)
    {
        JsonPart type = json.Get("type");
        return type.AsString() switch
        {
            "Sequence" => SequenceNormalizer.Create(json),
            "Precompiled" => PrecompiledNormalizer.Create(json),
            "Replace" => ReplaceNormalizer.Create(json),
            "Strip" => StripNormalizer.Create(json),
            "Prepend" => PrependNormalizer.Create(json),
            "BertNormalizer" => BertNormalizer.Create(json),
            "Lowercase" => new LowercaseNormalizer(),
            "StripAccents" => new StripAccentsNormalizer(),
            "Nmt" => new NmtNormalizer(),
            "ByteLevel" => new ByteLevelNormalizer(),
            "NFC" => new UnicodeNormalizer(compatible: false, compose: true),
            "NFD" => new UnicodeNormalizer(compatible: false, compose: false),
            "NFKC" => new UnicodeNormalizer(compatible: true, compose: true),
            "NFKD" => new UnicodeNormalizer(compatible: true, compose: false),
            string name => throw type.Unsupported($"names the normalizer '{name}', which this library does not know"),
        };
    }
}
