namespace LlmService.Tokenizers.Models;

/// <summary>Every piece is one token, or the unknown one.</summary>
internal sealed class WordLevelModel : Model
{
    private readonly int _unknownId;
    private readonly string _unknown;

    private WordLevelModel(Vocabulary vocabulary, string unknown)
        : base(vocabulary)
    {
        _unknown = unknown;
        _unknownId = vocabulary.Find(unknown);
    }

    public static WordLevelModel Create(JsonPart json, ModelTables tables)
    {
        json.AllowOnly("type", "vocab", "unk_token");
        return new WordLevelModel(tables.Map(json.Get("vocab")), json.String("unk_token"));
    }

    public override void Tokenize(ReadOnlySpan<char> piece, int at, TokenBuffer output)
    {
        int id = Vocabulary.Find(piece);
        if (id < 0) id = _unknownId >= 0 ? _unknownId : throw UnknownToken.Missing(_unknown);
        output.Add(id, at, at + piece.Length);
    }
}
