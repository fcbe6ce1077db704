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

    public override void Apply(AlignedText text)
    {
        // The reference finds nothing in an empty text, not even an empty match.
        MatchWalk walk = new(pattern);
        if (text.Length == 0 || !walk.Next(text.Span, out int start, out int end)) return;
        text.BeginRewrite(text.Length + content.Length);
        int done = 0;
        do
        {
            text.Copy(done, start);

            // What is written shares the place of the last character before it.
            if (end == 0) text.Write(content, text.Origin, text.Origin);
            else text.Write(content, text.StartOf(end - 1), text.EndOf(end - 1));
            done = end;
        }
        while (walk.Next(text.Span, out start, out end));
        text.Copy(done, text.Length);
        text.EndRewrite();
    }
}
