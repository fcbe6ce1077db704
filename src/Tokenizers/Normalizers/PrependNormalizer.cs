namespace LlmService.Tokenizers.Normalizers;

/// <summary>Writes a text before every text that is not empty.</summary>
internal sealed class PrependNormalizer(string prefix) : Normalizer
{
    public static PrependNormalizer Create(JsonPart json)
    {
        json.AllowOnly("type", "prepend");
        return new PrependNormalizer(json.String("prepend"));
    }

    public override AlignedText Apply(AlignedText text)
    {
        if (text.Length == 0 || prefix.Length == 0) return text;
        AlignedText result = new(text.Length + prefix.Length, text.Origin);
        result.Append(prefix, text.StartOf(0), text.EndOf(0));
        result.Append(text, 0, text.Length);
        return result;
    }
}
