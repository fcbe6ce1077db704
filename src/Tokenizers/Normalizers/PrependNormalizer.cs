namespace LlmService.Tokenizers.Normalizers;

/// <summary>Writes a text before every text that is not empty.</summary>
internal sealed class PrependNormalizer(string prefix) : Normalizer
{
    public static PrependNormalizer Create(JsonPart json)
    {
        json.AllowOnly("type", "prepend");
        return new PrependNormalizer(json.String("prepend"));
    }

    public override void Apply(AlignedText text)
    {
        if (text.Length == 0 || prefix.Length == 0) return;
        text.BeginRewrite(text.Length + prefix.Length);
        text.Write(prefix, text.StartOf(0), text.EndOf(0));
        text.Copy(0, text.Length);
        text.EndRewrite();
    }
}
