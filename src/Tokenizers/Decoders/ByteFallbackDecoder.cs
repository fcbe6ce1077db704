using System.Buffers;
using System.Text;

namespace LlmService.Tokenizers.Decoders;

/// <summary>Reads runs of byte tokens as UTF-8. A run that is not valid becomes one U+FFFD a byte, so a valid one is certain only when it ends.</summary>
internal sealed class ByteFallbackDecoder : Decoder
{
    /// <summary>How much valid text is held back; a run that is longer is handed out, and only what follows can still turn out to be invalid.</summary>
    public const int MostHeldBytes = 4096;

    public override DecodeStage Start(DecodeStage next) => new Stage(next);

    public override byte[]? Bytes(string token) => ByteAlphabet.FallbackByte(token) is int value and >= 0 ? [(byte)value] : null;

    private sealed class Stage(DecodeStage next) : TokenStage
    {
        private readonly List<byte> _held = [];
        private int _unfinished;
        private bool _isInvalid;
        private bool _isOpen;

        public override void End()
        {
            EndRun();
            next.End();
        }

        protected override void Token(string token)
        {
            int value = ByteAlphabet.FallbackByte(token);
            if (value >= 0)
            {
                Add((byte)value);
                return;
            }

            EndRun();
            next.Write(token, endOfToken: true);
        }

        private void Add(byte value)
        {
            _held.Add(value);
            if (!_isInvalid) Check();
            if (_isInvalid) WriteInvalid();
            else if (_unfinished == 0 && _held.Count >= MostHeldBytes) WriteValid(endOfToken: false);
        }

        /// <summary>Looks at the last character: finished, not yet, or never.</summary>
        private void Check()
        {
            Span<byte> last = stackalloc byte[++_unfinished];
            for (int i = 0; i < last.Length; i++) last[i] = _held[_held.Count - last.Length + i];
            OperationStatus status = Rune.DecodeFromUtf8(last, out _, out _);
            _isInvalid = status == OperationStatus.InvalidData;
            if (status == OperationStatus.Done) _unfinished = 0;
        }

        private void EndRun()
        {
            if (_unfinished > 0) WriteInvalid();
            else if (_held.Count > 0 || _isOpen) WriteValid(endOfToken: true);
            _unfinished = 0;
            _isInvalid = false;
        }

        private void WriteValid(bool endOfToken)
        {
            next.Write(System.Text.Encoding.UTF8.GetString([.. _held]), endOfToken);
            _held.Clear();
            _isOpen = !endOfToken;
        }

        private void WriteInvalid()
        {
            if (_isOpen) next.Write("", endOfToken: true);
            _isOpen = false;
            for (int i = 0; i < _held.Count; i++) next.Write("\uFFFD", endOfToken: true);
            _held.Clear();
        }
    }
}
