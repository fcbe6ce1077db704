namespace LlmService.Tokenizers.Decoders;

/// <summary>What a file without a decoder means: spaces between the tokens.</summary>
internal sealed class SpacedDecoder : Decoder
{
    public override DecodeStage Start(DecodeStage next) => new Stage(next);

    private sealed class Stage(DecodeStage next) : TokenStage
    {
        private bool _isLater;

        public override void End() => next.End();

        protected override void Token(string token)
        {
            next.Write(_isLater ? " " + token : token, endOfToken: true);
            _isLater = true;
        }
    }
}
