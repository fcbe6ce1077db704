namespace LlmService.Tokenizers.Decoders;

/// <summary>For speech: equal tokens in a row are one, padding is nothing, and a delimiter stands between words.</summary>
internal sealed class CtcDecoder(string padToken, string delimiter, bool cleanUp) : Decoder
{
    public static CtcDecoder Create(JsonPart json)
    {
        json.AllowOnly("type", "pad_token", "word_delimiter_token", "cleanup");
        return new CtcDecoder(json.String("pad_token"), json.String("word_delimiter_token"), json.Boolean("cleanup"));
    }

    public override DecodeStage Start(DecodeStage next) => new Stage(this, next);

    public override string Spell(string token)
    {
        string text = padToken.Length > 0 ? token.Replace(padToken, "", StringComparison.Ordinal) : token;
        if (!cleanUp) return text;
        text = WordPieceDecoder.CleanUp(text);
        return delimiter.Length > 0 ? text.Replace(delimiter, " ", StringComparison.Ordinal) : text;
    }

    private sealed class Stage(CtcDecoder decoder, DecodeStage next) : TokenStage
    {
        private string? _last;

        public override void End() => next.End();

        protected override void Token(string token)
        {
            if (token == _last) return;
            _last = token;
            string text = decoder.Spell(token);
            if (text.Length > 0) next.Write(text, endOfToken: true);
        }
    }
}
