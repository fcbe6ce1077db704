using System.Buffers;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Models;

/// <summary>SentencePiece's unigram model: of all ways to cut a text into pieces, the one with the highest sum of scores.</summary>
internal sealed class UnigramModel : Model
{
    private const double UnknownPenalty = 10;
    private const int MostPieces = 16_000_000;

    private readonly double[] _scores;
    private readonly CharTrie _pieces = new();
    private readonly PieceCache _cache = new();
    private readonly double _unknownScore;
    private readonly int _unknownId;
    private readonly int[]? _byteIds;

    private UnigramModel(Vocabulary vocabulary, List<double> scores, int unknownId, bool byteFallback)
        : base(vocabulary)
    {
        _scores = [.. scores];
        _unknownId = unknownId;
        _unknownScore = scores.DefaultIfEmpty(double.PositiveInfinity).Min() - UnknownPenalty;
        _byteIds = byteFallback ? vocabulary.FindByteTokens() : null;
        foreach ((string piece, int id) in vocabulary.Entries)
            if (piece.Length > 0) _pieces.Add(piece, id);
    }

    private readonly record struct Step(double Score, int Start, int Id);

    public static UnigramModel Create(JsonPart json)
    {
        json.AllowOnly("type", "unk_id", "vocab", "byte_fallback");
        List<string> tokens = [];
        List<double> scores = [];
        JsonPart vocab = json.Get("vocab");
        foreach (JsonPart entry in vocab.Items())
        {
            if (!entry.IsArray || entry.Element.GetArrayLength() != 2) throw entry.Corrupt("must be a piece and its score");
            tokens.Add(entry.Inner(0).AsString());
            scores.Add(ScoreParser.Parse(entry.Inner(1).AsNumberText()));
            if (tokens.Count > MostPieces) throw vocab.Corrupt("has too many pieces");
        }

        JsonPart? unknown = json.Find("unk_id");
        int unknownId = unknown?.AsCount() ?? -1;
        if (unknownId >= tokens.Count) throw unknown!.Value.Corrupt($"is {unknownId}, but the vocabulary has {tokens.Count} pieces");
        return new UnigramModel(Vocabulary.FromList(tokens), scores, unknownId, json.Boolean("byte_fallback", absent: false));
    }

    public override void Tokenize(ReadOnlySpan<char> piece, List<Token> output)
    {
        if (_cache.TryGet(piece, out Token[]? known))
        {
            output.AddRange(known!);
            return;
        }

        int from = output.Count;
        Step[] steps = ArrayPool<Step>.Shared.Rent(piece.Length + 1);
        try
        {
            FindBest(piece, steps.AsSpan(0, piece.Length + 1));
            Collect(piece, steps, output);
        }
        finally
        {
            ArrayPool<Step>.Shared.Return(steps);
        }

        _cache.Add(piece, output, from);
    }

    /// <summary>Fills in, for every end, the best piece that ends there.</summary>
    private void FindBest(ReadOnlySpan<char> text, Span<Step> steps)
    {
        steps.Fill(new Step(0, -1, -1));
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
                Offer(ref steps[i + 1], new Step(before + _scores[id], start, id));
                hasSingle |= i + 1 == start + width;
            }

            if (!hasSingle) Offer(ref steps[start + width], new Step(before + _unknownScore, start, _unknownId));
            start += width;
        }
    }

    private static void Offer(ref Step best, Step candidate)
    {
        if (best.Start < 0 || candidate.Score > best.Score) best = candidate;
    }

    /// <summary>Walks the best path from its end; neighbouring unknown pieces become one.</summary>
    private void Collect(ReadOnlySpan<char> text, ReadOnlySpan<Step> steps, List<Token> output)
    {
        int from = output.Count, unknownEnd = -1;
        for (int end = text.Length; end > 0; end = steps[end].Start)
        {
            Step step = steps[end];
            if (step.Id == _unknownId)
            {
                if (unknownEnd < 0) unknownEnd = end;
                if (step.Start > 0) continue;
            }

            int knownStart = step.Id == _unknownId ? 0 : end;
            if (unknownEnd >= 0) AddUnknown(text, knownStart, unknownEnd, output);
            unknownEnd = -1;
            if (step.Id != _unknownId) output.Add(new Token(step.Id, step.Start, end, null));
        }

        output.Reverse(from, output.Count - from);
    }

    private void AddUnknown(ReadOnlySpan<char> text, int start, int end, List<Token> output)
    {
        ReadOnlySpan<char> unknown = text[start..end];
        int id = Vocabulary.Find(unknown);
        if (id >= 0)
        {
            output.Add(new Token(id, start, end, null));
        }
        else if (_byteIds is not null && System.Text.Encoding.UTF8.GetBytes(unknown.ToString()) is byte[] bytes && Array.TrueForAll(bytes, b => _byteIds[b] >= 0))
        {
            // The caller turns the order round.
            for (int i = bytes.Length - 1; i >= 0; i--) output.Add(new Token(_byteIds[bytes[i]], start, end, null));
        }
        else if (_unknownId >= 0)
        {
            output.Add(new Token(_unknownId, start, end, unknown.ToString()));
        }
    }
}
