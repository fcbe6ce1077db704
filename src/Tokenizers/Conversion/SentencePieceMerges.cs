using LlmService.Tokenizers.Models;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Conversion;

/// <summary>Makes merges of the pieces of a SentencePiece BPE model: every cut of a piece into two others, the best score first.</summary>
internal static class SentencePieceMerges
{
    /// <summary>How many cuts may be looked at, counted in characters; real models stay ten times below.</summary>
    private const long MostWork = 200_000_000;

    private readonly record struct Merge(int Left, int Right, int Joined, double Score, int LeftLength, int RightLength);

    public static MergeTable Make(Vocabulary vocabulary, IReadOnlyList<SentencePiece> pieces, string file)
    {
        List<Merge> merges = [];
        List<Merge> local = [];
        long work = 0;
        foreach (SentencePiece piece in pieces)
        {
            work += (long)piece.Text.Length * piece.Text.Length;
            if (work > MostWork) throw new TokenizerException(TokenizerFailure.Corrupt, $"{file} has pieces that are too long to be real.") { File = file };
            local.Clear();
            AddCuts(vocabulary, piece, local);
            merges.AddRange(local.OrderBy(merge => merge.Left).ThenBy(merge => merge.Right));
        }

        MergeTable table = new(merges.Count);
        int rank = 0;
        foreach (Merge merge in merges.OrderByDescending(m => m.Score).ThenByDescending(m => m.LeftLength).ThenByDescending(m => m.RightLength))
            table.Set(merge.Left, merge.Right, rank++, merge.Joined);
        return table;
    }

    private static void AddCuts(Vocabulary vocabulary, SentencePiece piece, List<Merge> output)
    {
        ReadOnlySpan<char> text = piece.Text;
        int joined = vocabulary.Find(text), length = CodePoints.Count(text), leftLength = 0;
        for (int cut = 0; cut < text.Length;)
        {
            cut += CodePoints.Utf16Length(CodePoints.At(text, cut));
            leftLength++;
            if (cut == text.Length) break;
            int left = vocabulary.Find(text[..cut]), right = left < 0 ? -1 : vocabulary.Find(text[cut..]);
            if (right >= 0) output.Add(new Merge(left, right, joined, piece.Score, leftLength, length - leftLength));
        }
    }
}
