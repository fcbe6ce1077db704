namespace LlmService.Tokenizers.Decoders;

/// <summary>Makes one token of all.</summary>
internal sealed class FuseDecoder : Decoder
{
    public override DecodeStage Start(DecodeStage next) => new Stage(next);

    private sealed class Stage(DecodeStage next) : DecodeStage
    {
        public override void Write(string fragment, bool endOfToken) => next.Write(fragment, endOfToken: false);

        public override void End()
        {
            next.Write("", endOfToken: true);
            next.End();
        }
    }
}
