namespace LlmService.Tokenizers.Decoders;

/// <summary>Turns marks into spaces; those of the first token disappear.</summary>
internal sealed class MetaspaceDecoder(MetaspaceScheme scheme) : Decoder
{
    public static MetaspaceDecoder Create(JsonPart json) => new(MetaspaceScheme.Read(json));

    public override DecodeStage Start(DecodeStage next) => new Stage(scheme, next);

    public override string Spell(string token) => token.Replace(scheme.Mark, ' ');

    private sealed class Stage(MetaspaceScheme scheme, DecodeStage next) : DecodeStage
    {
        private bool _isFirst = scheme.Prepend != PrependScheme.Never;

        public override void Write(string fragment, bool endOfToken)
        {
            next.Write(_isFirst ? fragment.Replace(scheme.Mark.ToString(), "", StringComparison.Ordinal) : fragment.Replace(scheme.Mark, ' '), endOfToken);
            if (endOfToken) _isFirst = false;
        }

        public override void End() => next.End();
    }
}
