namespace LlmService.Tokenizers.Decoders;

/// <summary>Makes spaces of the suffix that ends a word, but not after the last token.</summary>
internal sealed class BpeDecoder(string suffix) : Decoder
{
    public static BpeDecoder Create(JsonPart json)
    {
        json.AllowOnly("type", "suffix");
        return new BpeDecoder(json.String("suffix"));
    }

    public override DecodeStage Start(DecodeStage next) => new Stage(suffix, next);

    public override string Spell(string token) => Replace(token, suffix, " ");

    // An empty suffix stands between all characters, which no real file has; it is taken for none.
    private static string Replace(string token, string suffix, string content) =>
        suffix.Length > 0 ? token.Replace(suffix, content, StringComparison.Ordinal) : token;

    private sealed class Stage(string suffix, DecodeStage next) : TokenStage
    {
        private string? _held;

        public override void End()
        {
            if (_held is not null) next.Write(Replace(_held, suffix, ""), endOfToken: true);
            next.End();
        }

        /// <summary>What stands before the suffix is certain; what the suffix becomes is known when another token comes.</summary>
        protected override void Token(string token)
        {
            if (_held is not null) next.Write(Replace(_held, suffix, " "), endOfToken: true);
            int certain = suffix.Length > 0 ? token.IndexOf(suffix, StringComparison.Ordinal) : -1;
            if (certain < 0) certain = token.Length;
            if (certain > 0) next.Write(token[..certain], endOfToken: false);
            _held = token[certain..];
        }
    }
}
