using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Normalizers;

/// <summary>Removes white space at the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : Normalizer
{
    public static StripNormalizer Create(JsonPart json)
    {
        json.AllowOnly("type", "strip_left", "strip_right");
        return new StripNormalizer(json.Boolean("strip_left"), json.Boolean("strip_right"));
    }

    public override void Apply(AlignedText text)
    {
        // All white space lies in the basic plane, so units are code points here.
        int start = 0, end = text.Length;
        while (left && start < end && CodePoints.IsWhiteSpace(text.Span[start])) start++;
        while (right && end > start && CodePoints.IsWhiteSpace(text.Span[end - 1])) end--;
        if (start == 0 && end == text.Length) return;
        text.BeginRewrite(end - start);
        text.Copy(start, end);
        text.EndRewrite();
    }
}
