using LlmService.Tokenizers.Patterns;

namespace LlmService.Tokenizers.Normalizers;

/// <summary>Replaces every match of a pattern.</summary>
internal sealed class ReplaceNormalizer(TextPattern pattern, string content) : Normalizer
{
    public static ReplaceNormalizer Create(JsonPart json)
    {
        json.AllowOnly("type", "pattern", "content");
        return new ReplaceNormalizer(TextPattern.Read(json.Get("pattern")), json.String("content"));
    }

    public override AlignedText Apply(AlignedText text)
    {
        if (!pattern.Find(text.Span, 0, out int start, out int end)) return text;
        AlignedText result = new(text.Length + content.Length, text.Origin);
        int done = 0;
        do
        {
            result.Append(text, done, start);
            result.Append(content, text.StartOf(end - 1), text.EndOf(end - 1));
            done = end;
        }
        while (pattern.Find(text.Span, done, out start, out end));
        result.Append(text, done, text.Length);
        return result;
    }
}
