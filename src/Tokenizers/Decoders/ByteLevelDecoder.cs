using System.Buffers;

namespace LlmService.Tokenizers.Decoders;

/// <summary>Reads the byte alphabet back; invalid UTF-8 becomes U+FFFD. The result is one token.</summary>
internal sealed class ByteLevelDecoder : Decoder
{
    public override DecodeStage Start(DecodeStage next) => new Stage(next);

    public override byte[] Bytes(string token)
    {
        byte[] bytes = new byte[token.Length];
        for (int i = 0; i < bytes.Length; i++)
        {
            int value = ByteAlphabet.ToByte(token[i]);

            // A token with any other character stands for its own bytes.
            if (value < 0) return System.Text.Encoding.UTF8.GetBytes(token);
            bytes[i] = (byte)value;
        }

        return bytes;
    }

    private sealed class Stage(DecodeStage next) : TokenStage
    {
        private readonly System.Text.Decoder _decoder = System.Text.Encoding.UTF8.GetDecoder();
        private readonly ByteLevelDecoder _bytes = new();

        protected override void Token(string token) => Convert(_bytes.Bytes(token), flush: false);

        public override void End()
        {
            Convert([], flush: true);
            next.Write("", endOfToken: true);
            next.End();
        }

        private void Convert(ReadOnlySpan<byte> bytes, bool flush)
        {
            char[] chars = ArrayPool<char>.Shared.Rent(bytes.Length + 4);
            int count = _decoder.GetChars(bytes, chars, flush);
            if (count > 0) next.Write(new string(chars, 0, count), endOfToken: false);
            ArrayPool<char>.Shared.Return(chars);
        }
    }
}
