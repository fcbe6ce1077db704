using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Json;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Models;

/// <summary>SentencePiece's unigram model: of all ways to cut a text into pieces, the one with the highest sum of scores.</summary>
internal sealed class UnigramModel : Model
{
    private const double UnknownPenalty = 10;
    private const int MostPieces = 16_000_000;

    private readonly double[] _scores;
    private readonly CharTrie _pieces;
    private readonly PieceCache _cache = new();
    private readonly double _unknownScore;
    private readonly int _unknownId;
    private readonly int[]? _byteIds;

    private UnigramModel(Vocabulary vocabulary, double[] scores, int unknownId, bool byteFallback)
        : base(vocabulary)
    {
        _scores = scores;
        _unknownId = unknownId;
        _unknownScore = scores.DefaultIfEmpty(double.PositiveInfinity).Min() - UnknownPenalty;
        _byteIds = byteFallback ? vocabulary.FindByteTokens() : null;
        _pieces = new CharTrie(vocabulary.Characters);
        AddAll(_pieces, vocabulary);
    }

    /// <summary>The best piece that ends at a place, and in the end where the next one ends.</summary>
    private record struct Step(double Score, int Start, int Id, int Next);

    public static UnigramModel Create(JsonPart json, ModelTables tables)
    {
        json.AllowOnly("type", "unk_id", "vocab", "byte_fallback");
        (Vocabulary vocabulary, double[] scores) = tables.Pieces(json.Get("vocab"));
        JsonPart? unknown = json.Find("unk_id");
        int unknownId = unknown?.AsCount() ?? -1;
        if (unknownId >= scores.Length) throw unknown!.Value.Corrupt($"is {unknownId}, but the vocabulary has {scores.Length} pieces");
        return new UnigramModel(vocabulary, scores, unknownId, json.Boolean("byte_fallback", absent: false));
    }

    /// <summary>A model of pieces that come from another file.</summary>
    public static UnigramModel Create(IReadOnlyList<(string Piece, double Score)> pieces, int unknownId, bool byteFallback) =>
        new(Vocabulary.FromList(pieces.Select((piece, id) => (piece.Piece, id))), [.. pieces.Select(piece => piece.Score)], unknownId, byteFallback);

    public override void Tokenize(ReadOnlySpan<char> piece, int at, TokenBuffer output)
    {
        if (_cache.Find(piece) is Token[] known)
        {
            output.Add(known, at);
            return;
        }

        int from = output.Count, spelled = output.Spellings.Length;
        Step[] steps = ArrayPool<Step>.Shared.Rent(piece.Length + 1);
        try
        {
            FindBest(piece, steps.AsSpan(0, piece.Length + 1));
            Collect(piece, at, steps, output);
        }
        finally
        {
            ArrayPool<Step>.Shared.Return(steps);
        }

        if (output.Spellings.Length == spelled) _cache.Add(piece, output.Tokens[from..], at);
    }

    /// <summary>Reads an array of pieces and their scores.</summary>
    /// <param name="reader">At the start of the array.</param>
    /// <param name="json">Where complaints place it.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (Vocabulary Vocabulary, double[] Scores) ReadPieces(ref Utf8JsonReader reader, JsonPart json)
    {
        Vocabulary vocabulary = Vocabulary.Create();
        PooledList<double> scores = new();
        using JsonText text = new();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            JsonPart place = json.Item(scores.Count);
            if (reader.TokenType != JsonTokenType.StartArray || !reader.Read() || reader.TokenType != JsonTokenType.String) throw place.Corrupt("must be a piece and its score");
            vocabulary.Append(text.Read(ref reader, place), scores.Count);
            if (!reader.Read() || reader.TokenType != JsonTokenType.Number) throw place.Corrupt("must be a piece and its score");
            double score = ScoreParser.Parse(reader.ValueSpan);
            scores.Add(double.IsFinite(score) ? score : throw place.Corrupt("must be a piece and its score, a finite number"));
            if (!reader.Read() || reader.TokenType != JsonTokenType.EndArray) throw place.Corrupt("must be a piece and its score");
            if (scores.Count > MostPieces) throw json.Corrupt("has too many pieces");
        }

        double[] all = scores.Span.ToArray();
        scores.Release();
        return (vocabulary.Finish(), all);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddAll(CharTrie trie, Vocabulary vocabulary)
    {
        for (int entry = 0; entry < vocabulary.Count; entry++)
        {
            ReadOnlySpan<char> piece = vocabulary.Entry(entry, out int id);
            if (piece.Length > 0) trie.Add(piece, id);
        }
    }

    /// <summary>Fills in, for every end, the best piece that ends there.</summary>
    private void FindBest(ReadOnlySpan<char> text, Span<Step> steps)
    {
        steps.Fill(new Step(0, -1, -1, -1));
        for (int start = 0; start < text.Length;)
        {
            double before = steps[start].Score;
            int width = CodePoints.Utf16Length(CodePoints.At(text, start));
            bool hasSingle = false;
            int node = CharTrie.Root;
            for (int i = start; i < text.Length && (node = _pieces.Step(node, text[i])) >= 0; i++)
            {
                int id = _pieces.ValueAt(node);
                if (id < 0) continue;
                Offer(ref steps[i + 1], before + _scores[id], start, id);
                hasSingle |= i + 1 == start + width;
            }

            if (!hasSingle) Offer(ref steps[start + width], before + _unknownScore, start, _unknownId);
            start += width;
        }
    }

    private static void Offer(ref Step best, double score, int start, int id)
    {
        if (best.Start >= 0 && score <= best.Score) return;
        best.Score = score;
        best.Start = start;
        best.Id = id;
    }

    /// <summary>Walks the best path; neighbouring unknown pieces become one.</summary>
    private void Collect(ReadOnlySpan<char> text, int at, Span<Step> steps, TokenBuffer output)
    {
        // The path is known from its end, so it is linked the other way round first.
        for (int end = text.Length; end > 0; end = steps[end].Start) steps[steps[end].Start].Next = end;
        int unknownStart = -1;
        for (int start = 0; start < text.Length; start = steps[start].Next)
        {
            int end = steps[start].Next, id = steps[end].Id;
            if (id == _unknownId)
            {
                if (unknownStart < 0) unknownStart = start;
                if (end < text.Length) continue;
            }

            if (unknownStart >= 0) AddUnknown(text[unknownStart..(id == _unknownId ? end : start)], at + unknownStart, output);
            unknownStart = -1;
            if (id != _unknownId) output.Add(id, at + start, at + end);
        }
    }

    private void AddUnknown(ReadOnlySpan<char> unknown, int at, TokenBuffer output)
    {
        int id = Vocabulary.Find(unknown);
        if (id >= 0) output.Add(id, at, at + unknown.Length);
        else if (_byteIds is null || !AddBytes(unknown, at, output, _byteIds)) AddUnknownToken(unknown, at, output);
    }

    private void AddUnknownToken(ReadOnlySpan<char> unknown, int at, TokenBuffer output)
    {
        if (_unknownId >= 0) output.Add(_unknownId, at, at + unknown.Length, unknown.ToString());
    }

    /// <summary>Spells a text as byte tokens, when the vocabulary has them all.</summary>
    private static bool AddBytes(ReadOnlySpan<char> text, int at, TokenBuffer output, int[] byteIds)
    {
        byte[] bytes = ArrayPool<byte>.Shared.Rent(text.Length * 3);
        Span<byte> used = bytes.AsSpan(0, System.Text.Encoding.UTF8.GetBytes(text, bytes));
        bool complete = true;
        foreach (byte b in used) complete &= byteIds[b] >= 0;
        foreach (byte b in used)
            if (complete) output.Add(byteIds[b], at, at + text.Length);
        ArrayPool<byte>.Shared.Return(bytes);
        return complete;
    }
}
