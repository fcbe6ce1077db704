using System.Text;
using LlmService.Tokenizers.Patterns;

namespace LlmService.Tokenizers.Decoders;

/// <summary>Replaces every match of a pattern, token by token.</summary>
internal sealed class ReplaceDecoder(TextPattern pattern, string content) : Decoder
{
    public static ReplaceDecoder Create(JsonPart json)
    {
        json.AllowOnly("type", "pattern", "content");
        return new ReplaceDecoder(TextPattern.Read(json.Get("pattern")), json.String("content"));
    }

    public override DecodeStage Start(DecodeStage next) => new Stage(this, next);

    public override string Spell(string token)
    {
        MatchWalk walk = new(pattern);
        if (token.Length == 0 || !walk.Next(token, out int start, out int end)) return token;
        StringBuilder result = new();
        int done = 0;
        do
        {
            result.Append(token.AsSpan(done, start - done)).Append(content);
            done = end;
        }
        while (walk.Next(token, out start, out end));
        return result.Append(token.AsSpan(done)).ToString();
    }

    private sealed class Stage(ReplaceDecoder decoder, DecodeStage next) : TokenStage
    {
        public override void End() => next.End();

        protected override void Token(string token) => next.Write(decoder.Spell(token), endOfToken: true);
    }
}
