using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Models;

/// <summary>BERT's model: from the left, always the longest piece that the vocabulary has. A word with a part that it lacks is unknown as a whole.</summary>
internal sealed class WordPieceModel : Model
{
    private readonly string _unknown;
    private readonly int _unknownId;
    private readonly int _longestWord;
    private readonly CharTrie _first;
    private readonly CharTrie _later = new();
    private readonly PieceCache _cache = new();

    public WordPieceModel(Vocabulary vocabulary, string unknown, string prefix, int longestWord)
        : base(vocabulary)
    {
        _unknown = unknown;
        _unknownId = vocabulary.Find(unknown);
        _longestWord = longestWord;
        _first = new CharTrie(vocabulary.Characters);
        for (int entry = 0; entry < vocabulary.Count; entry++)
        {
            ReadOnlySpan<char> token = vocabulary.Entry(entry, out int id);
            if (token.Length > 0) _first.Add(token, id);
            if (token.Length > prefix.Length && token.StartsWith(prefix, StringComparison.Ordinal)) _later.Add(token[prefix.Length..], id);
        }
    }

    public static WordPieceModel Create(JsonPart json)
    {
        json.AllowOnly("type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab");
        return new WordPieceModel(Vocabulary.ReadMap(json.Get("vocab")), json.String("unk_token"), json.String("continuing_subword_prefix"),
            json.Get("max_input_chars_per_word").AsCount());
    }

    public override void Tokenize(ReadOnlySpan<char> piece, int at, TokenBuffer output)
    {
        if (_cache.Find(piece) is Token[] known)
        {
            output.Add(known, at);
            return;
        }

        int from = output.Count;
        if (CodePoints.Count(piece) > _longestWord || !Cut(piece, at, output))
        {
            output.Truncate(from);
            output.Add(_unknownId >= 0 ? _unknownId : throw UnknownToken.Missing(_unknown), at, at + piece.Length);
        }

        _cache.Add(piece, output.Tokens[from..], at);
    }

    private bool Cut(ReadOnlySpan<char> piece, int at, TokenBuffer output)
    {
        for (int start = 0; start < piece.Length;)
        {
            (int id, int length) = (start == 0 ? _first : _later).Longest(piece[start..]);
            if (id < 0) return false;
            output.Add(id, at + start, at + start + length);
            start += length;
        }

        return true;
    }
}
