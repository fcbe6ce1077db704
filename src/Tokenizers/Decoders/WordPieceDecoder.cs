namespace LlmService.Tokenizers.Decoders;

/// <summary>Joins pieces that carry the prefix to the word before them and puts spaces between the others.</summary>
internal sealed class WordPieceDecoder(string prefix, bool cleanUp) : Decoder
{
    public static WordPieceDecoder Create(JsonPart json)
    {
        json.AllowOnly("type", "prefix", "cleanup");
        return new WordPieceDecoder(json.String("prefix"), json.Boolean("cleanup"));
    }

    public override DecodeStage Start(DecodeStage next) => new Stage(prefix, cleanUp, next);

    public override string Spell(string token) => Join(token, prefix);

    /// <summary>Takes out the spaces that stand before punctuation and in contractions.</summary>
    public static string CleanUp(string text) => text
        .Replace(" .", ".", StringComparison.Ordinal).Replace(" ?", "?", StringComparison.Ordinal)
        .Replace(" !", "!", StringComparison.Ordinal).Replace(" ,", ",", StringComparison.Ordinal)
        .Replace(" ' ", "'", StringComparison.Ordinal).Replace(" n't", "n't", StringComparison.Ordinal)
        .Replace(" 'm", "'m", StringComparison.Ordinal).Replace(" do not", " don't", StringComparison.Ordinal)
        .Replace(" 's", "'s", StringComparison.Ordinal).Replace(" 've", "'ve", StringComparison.Ordinal)
        .Replace(" 're", "'re", StringComparison.Ordinal);

    private static string Join(string token, string prefix) => token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;

    private sealed class Stage(string prefix, bool cleanUp, DecodeStage next) : TokenStage
    {
        private bool _isLater;

        public override void End() => next.End();

        protected override void Token(string token)
        {
            if (_isLater) token = Join(token, prefix);
            _isLater = true;
            next.Write(cleanUp ? CleanUp(token) : token, endOfToken: true);
        }
    }
}
