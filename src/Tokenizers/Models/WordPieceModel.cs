using System.Buffers;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Models;

/// <summary>BERT's model: from the left, always the longest piece that the vocabulary has. A word with a part that it lacks is unknown as a whole.</summary>
internal sealed class WordPieceModel : Model
{
    private const int MostCharacters = 10_000;

    private readonly string _unknown;
    private readonly int _unknownId;
    private readonly int _longestWord;
    private readonly string _prefix;
    private readonly int _longestToken;
    private readonly PieceCache _cache = new();

    public WordPieceModel(Vocabulary vocabulary, string unknown, string prefix, int longestWord)
        : base(vocabulary)
    {
        _unknown = unknown;
        _unknownId = vocabulary.Find(unknown);
        _longestWord = longestWord;
        _prefix = prefix;
        for (int entry = 0; entry < vocabulary.Count; entry++) _longestToken = Math.Max(_longestToken, vocabulary.Entry(entry, out _).Length);
    }

    public static WordPieceModel Create(JsonPart json, ModelTables tables)
    {
        json.AllowOnly("type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab");
        JsonPart longest = json.Get("max_input_chars_per_word");
        return longest.AsCount() <= MostCharacters
            ? new WordPieceModel(tables.Map(json.Get("vocab")), json.String("unk_token"), json.String("continuing_subword_prefix"), longest.AsCount())
            : throw longest.Unsupported($"is above {MostCharacters}; cutting so long words takes the square of their length");
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
        char[] candidate = ArrayPool<char>.Shared.Rent(_prefix.Length + piece.Length);
        _prefix.CopyTo(candidate);
        int start = 0;
        while (start < piece.Length)
        {
            // The first piece of a word has no prefix.
            int before = start > 0 ? _prefix.Length : 0;
            piece[start..].CopyTo(candidate.AsSpan(before));
            int length = Math.Min(piece.Length - start, _longestToken), id = -1;
            for (; length > 0 && id < 0; length--)
                if (!char.IsHighSurrogate(candidate[before + length - 1])) id = Vocabulary.Find(candidate.AsSpan(0, before + length));
            if (id < 0) break;
            output.Add(id, at + start, at + start + ++length);
            start += length;
            _prefix.CopyTo(candidate);
        }

        ArrayPool<char>.Shared.Return(candidate);
        return start == piece.Length;
    }
}
