using LlmService.Tokenizers.Patterns;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>What becomes of a match that splits a text.</summary>
internal enum SplitBehavior
{
    Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous,
}

/// <summary>Cuts the pieces of a text at the matches of a pattern.</summary>
internal sealed class Splitter(TextPattern pattern, SplitBehavior behavior, bool invert = false)
{
    private readonly record struct Part(int Start, int End, bool IsMatch);

    public static SplitBehavior ReadBehavior(JsonPart json) => json.AsString() switch
    {
        "Removed" => SplitBehavior.Removed,
        "Isolated" => SplitBehavior.Isolated,
        "MergedWithPrevious" => SplitBehavior.MergedWithPrevious,
        "MergedWithNext" => SplitBehavior.MergedWithNext,
        "Contiguous" => SplitBehavior.Contiguous,
        string name => throw json.Unsupported($"is '{name}', which this library does not know"),
    };

    public void Split(PreTokenizedText text)
    {
        text.BeginCut();
        foreach (Piece piece in text.Pieces)
        {
            if (piece.IsText) Split(text, piece);
            else text.Keep(piece);
        }

        text.EndCut();
    }

    private void Split(PreTokenizedText text, Piece piece)
    {
        ReadOnlySpan<char> span = text.Text.Span[piece.Start..piece.End];
        Joiner joiner = new(text, piece.Start, behavior);
        MatchWalk walk = new(pattern);
        int done = 0;
        while (walk.Next(span, out int start, out int end))
        {
            if (start > done) joiner.Add(new Part(done, start, invert));
            joiner.Add(new Part(start, end, !invert));
            done = end;
        }

        if (done < span.Length) joiner.Add(new Part(done, span.Length, invert));
        joiner.End();
    }

    /// <summary>Holds the last part back until it is known what is joined to it.</summary>
    private struct Joiner(PreTokenizedText text, int at, SplitBehavior behavior)
    {
        private Part _held;
        private bool _isHeld;
        private bool _matchBefore;

        public void Add(Part next)
        {
            bool join = _isHeld && behavior switch
            {
                SplitBehavior.Contiguous => next.IsMatch == _matchBefore,
                SplitBehavior.MergedWithPrevious => next.IsMatch && !_matchBefore,
                SplitBehavior.MergedWithNext => !next.IsMatch && _held.IsMatch,
                _ => false,
            };
            _matchBefore = next.IsMatch;
            if (join)
            {
                _held = new Part(_held.Start, next.End, behavior != SplitBehavior.MergedWithNext && next.IsMatch);
                return;
            }

            End();
            _held = next;
            _isHeld = true;
        }

        public readonly void End()
        {
            if (_isHeld && !(behavior == SplitBehavior.Removed && _held.IsMatch)) text.Cut(at + _held.Start, at + _held.End);
        }
    }
}
