using LlmService.Tokenizers.Patterns;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>What becomes of a match that splits a text.</summary>
internal enum SplitBehavior
{
    Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous,
}

/// <summary>Cuts one piece at the matches of a pattern.</summary>
internal static class Splitter
{
    private readonly record struct Range(int Start, int End, bool IsMatch);

    public static void Split(AlignedText text, Piece piece, TextPattern pattern, SplitBehavior behavior, bool invert, List<Piece> output)
    {
        ReadOnlySpan<char> span = text.Span[piece.Start..piece.End];
        List<Range> joined = [];
        int done = 0;
        bool before = false;
        while (pattern.Find(span, done, out int start, out int end))
        {
            if (start > done) Add(joined, new Range(done, start, invert), behavior, ref before);
            Add(joined, new Range(start, end, !invert), behavior, ref before);
            done = end;
        }

        if (done < span.Length) Add(joined, new Range(done, span.Length, invert), behavior, ref before);
        foreach (Range range in joined)
        {
            if (behavior == SplitBehavior.Removed && range.IsMatch) continue;
            output.Add(new Piece(piece.Start + range.Start, piece.Start + range.End, text.StartOf(piece.Start + range.Start), -1));
        }
    }

    private static void Add(List<Range> joined, Range next, SplitBehavior behavior, ref bool matchBefore)
    {
        bool join = joined.Count > 0 && behavior switch
        {
            SplitBehavior.Contiguous => next.IsMatch == matchBefore,
            SplitBehavior.MergedWithPrevious => next.IsMatch && !matchBefore,
            SplitBehavior.MergedWithNext => !next.IsMatch && joined[^1].IsMatch,
            _ => false,
        };
        if (join) joined[^1] = joined[^1] with { End = next.End, IsMatch = behavior != SplitBehavior.MergedWithNext && next.IsMatch };
        else joined.Add(next);
        matchBefore = next.IsMatch;
    }
}
