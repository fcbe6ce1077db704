using System.Buffers.Binary;

namespace LlmService.Tokenizers.Tests.Conversion;

/// <summary>Writes SentencePiece model files.</summary>
internal sealed class SentencePieceFile
{
    private readonly List<byte> _output = [];

    public static byte[] Write(IEnumerable<(string Text, double Score, int Kind)> pieces, bool isBpe, int unknownId, byte[] characterMap)
    {
        SentencePieceFile file = new();
        foreach ((string text, double score, int kind) in pieces)
        {
            SentencePieceFile piece = new();
            piece.Bytes(1, System.Text.Encoding.UTF8.GetBytes(text));
            piece.Float(2, (float)score);
            if (kind != 1) piece.Integer(3, kind);
            file.Bytes(1, piece._output.ToArray());
        }

        SentencePieceFile trainer = new(), normalizer = new();
        trainer.Bytes(1, "corpus.txt"u8.ToArray());
        trainer.Integer(3, isBpe ? 2 : 1);
        trainer.Float(10, 0.9995f);
        trainer.Integer(40, unknownId);
        file.Bytes(2, trainer._output.ToArray());
        normalizer.Bytes(1, "nmt_nfkc"u8.ToArray());
        if (characterMap.Length > 0) normalizer.Bytes(2, characterMap);
        file.Bytes(3, normalizer._output.ToArray());
        return file._output.ToArray();
    }

    private void Bytes(int field, byte[] value)
    {
        Varint((uint)field << 3 | 2);
        Varint((uint)value.Length);
        _output.AddRange(value);
    }

    private void Integer(int field, int value)
    {
        Varint((uint)field << 3);
        Varint((uint)value);
    }

    private void Float(int field, float value)
    {
        Varint((uint)field << 3 | 5);
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        _output.AddRange(bytes);
    }

    private void Varint(uint value)
    {
        for (; value >= 0x80; value >>= 7) _output.Add((byte)(value | 0x80));
        _output.Add((byte)value);
    }
}
