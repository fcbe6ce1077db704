namespace LlmService.Tokenizers.Conversion;

/// <summary>What a piece of a SentencePiece model is.</summary>
internal enum PieceKind
{
    Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6,
}

/// <summary>A piece of a SentencePiece model; its id is its place.</summary>
internal readonly record struct SentencePiece(string Text, double Score, PieceKind Kind);

/// <summary>A SentencePiece model file: <c>tokenizer.model</c>, <c>spiece.model</c> and other names.</summary>
internal sealed record SentencePieceModel
{
    private const int MostPieces = 16_000_000;

    public required IReadOnlyList<SentencePiece> Pieces { get; init; }

    /// <summary>Byte pair encoding; otherwise unigram.</summary>
    public bool IsBpe { get; private init; }

    public int UnknownId { get; private init; }

    public string UnknownPiece { get; private init; } = "<unk>";

    /// <summary>The compiled character map; empty when texts stay as they are.</summary>
    public byte[] CharacterMap { get; private init; } = [];

    public static SentencePieceModel Load(string path) => Parse(TokenizerJson.ReadFile(path), path);

    public static SentencePieceModel Parse(ReadOnlySpan<byte> bytes, string file)
    {
        List<SentencePiece> pieces = [];
        SentencePieceModel model = new() { Pieces = pieces };
        ProtobufReader reader = new(bytes, file);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1 when pieces.Count < MostPieces: pieces.Add(ReadPiece(reader.ReadBytes(), file)); break;
                case 2: model = ReadTrainer(model, reader.ReadBytes(), file); break;
                case 3: model = ReadNormalizer(model, reader.ReadBytes(), file); break;
                default: reader.Skip(); break;
            }
        }

        return pieces.Count > 0 ? model : throw reader.Corrupt("has no pieces");
    }

    private static SentencePiece ReadPiece(ReadOnlySpan<byte> bytes, string file)
    {
        SentencePiece piece = new("", 0, PieceKind.Normal);
        ProtobufReader reader = new(bytes, file);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1: piece = piece with { Text = reader.ReadText() }; break;
                case 2: piece = piece with { Score = reader.ReadFloat() }; break;
                case 3: piece = piece with { Kind = (PieceKind)reader.ReadInteger() }; break;
                default: reader.Skip(); break;
            }
        }

        return double.IsFinite(piece.Score) ? piece : throw reader.Corrupt($"gives '{piece.Text}' a score that is no number");
    }

    private static SentencePieceModel ReadTrainer(SentencePieceModel model, ReadOnlySpan<byte> bytes, string file)
    {
        ProtobufReader reader = new(bytes, file);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 3:
                    int type = reader.ReadInteger();
                    model = type is 1 or 2 ? model with { IsBpe = type == 2 } : throw Unsupported(file, type);
                    break;
                case 40: model = model with { UnknownId = reader.ReadInteger() }; break;
                case 45: model = model with { UnknownPiece = reader.ReadText() }; break;
                default: reader.Skip(); break;
            }
        }

        return model;
    }

    private static SentencePieceModel ReadNormalizer(SentencePieceModel model, ReadOnlySpan<byte> bytes, string file)
    {
        ProtobufReader reader = new(bytes, file);
        while (reader.Next())
        {
            if (reader.Field == 2) model = model with { CharacterMap = reader.ReadBytes().ToArray() };
            else reader.Skip();
        }

        return model;
    }

    private static TokenizerException Unsupported(string file, int type) => new(TokenizerFailure.Unsupported,
        $"{file} holds a SentencePiece model of the type {(type == 3 ? "'word'" : type == 4 ? "'char'" : type)}; unigram and bpe are read.")
    { File = file };
}
