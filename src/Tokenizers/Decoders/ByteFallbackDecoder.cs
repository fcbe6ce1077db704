namespace LlmService.Tokenizers.Decoders;

/// <summary>Reads runs of byte tokens as UTF-8. A run that is not valid becomes one U+FFFD a byte, so it is certain only when it ends.</summary>
internal sealed class ByteFallbackDecoder : Decoder
{
    public override DecodeStage Start(DecodeStage next) => new Stage(next);

    public override byte[]? Bytes(string token) => ByteAlphabet.FallbackByte(token) is int value and >= 0 ? [(byte)value] : null;

    private sealed class Stage(DecodeStage next) : TokenStage
    {
        private readonly List<byte> _run = [];

        public override void End()
        {
            FlushRun();
            next.End();
        }

        protected override void Token(string token)
        {
            int value = ByteAlphabet.FallbackByte(token);
            if (value >= 0)
            {
                _run.Add((byte)value);
                return;
            }

            FlushRun();
            next.Write(token, endOfToken: true);
        }

        private void FlushRun()
        {
            if (_run.Count == 0) return;
            byte[] bytes = [.. _run];
            _run.Clear();
            if (System.Text.Unicode.Utf8.IsValid(bytes))
            {
                next.Write(System.Text.Encoding.UTF8.GetString(bytes), endOfToken: true);
                return;
            }

            foreach (byte _ in bytes) next.Write("\uFFFD", endOfToken: true);
        }
    }
}
