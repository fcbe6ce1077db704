using LlmService.Tokenizers.Models;
using LlmService.Tokenizers.Normalizers;

namespace LlmService.Tokenizers;

/// <summary>The added tokens: finds them in texts before the model sees the rest.</summary>
internal sealed class AddedVocabulary
{
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly Dictionary<int, AddedToken> _tokens = [];
    private readonly Dictionary<int, string> _normalizedForms = [];
    private readonly HashSet<string> _special = new(StringComparer.Ordinal);
    private readonly Normalizer? _normalizer;
    private readonly AddedTokenFinder _raw;
    private readonly AddedTokenFinder _normalized;

    public AddedVocabulary(IEnumerable<AddedToken> tokens, Model model, Normalizer? normalizer)
    {
        _normalizer = normalizer;
        int nextId = model.Vocabulary.Count;
        foreach (AddedToken token in tokens)
        {
            if (token.Content.Length == 0) continue;
            // The id in the file is not read: the format's reference gives the model's id, or else the next free one.
            int id = Find(token.Content) is int known and >= 0 ? known : model.Vocabulary.Find(token.Content) is int own and >= 0 ? own : nextId++;
            _ids[token.Content] = id;
            _tokens[id] = token;
            if (token.Special) _special.Add(token.Content);
            string form = Normalize(token);
            if (form != token.Content) _normalizedForms[id] = form;
        }

        _raw = new AddedTokenFinder(_tokens.Where(t => !t.Value.Normalized).Select(t => (t.Value.Content, t.Key)), _tokens);
        _normalized = new AddedTokenFinder(
            _tokens.Where(t => t.Value.Normalized).Select(t => (_normalizedForms.GetValueOrDefault(t.Key, t.Value.Content), t.Key)), _tokens);
        Size = _tokens.Count == 0 ? 0 : _tokens.Keys.Max() + 1;
    }

    /// <summary>One more than the highest id.</summary>
    public int Size { get; }

    public int Find(string token) => _ids.GetValueOrDefault(token, -1);

    /// <summary>The token as the decoder sees it: the form that stands in normalized text.</summary>
    public string? TokenOf(int id) =>
        _tokens.TryGetValue(id, out AddedToken? token) ? _normalizedForms.GetValueOrDefault(id, token.Content) : null;

    public bool IsSpecial(int id) => _tokens.TryGetValue(id, out AddedToken? token) && token.Special;

    /// <summary>Whether decoding leaves out a token that is spelled so.</summary>
    public bool IsSpecialSpelling(string token) => _special.Contains(token);

    /// <summary>The spellings of the special tokens.</summary>
    public IReadOnlyCollection<string> SpecialSpellings => _special;

    /// <summary>Finds tokens in the raw text, normalizes what lies between, and finds tokens there again.</summary>
    public void Split(string text, PlainText plain, Workspace work)
    {
        PreTokenizedText output = work.Pieces;
        output.Clear();
        output.Text.Reset(text, 0, text.Length);
        work.Parts.Clear();
        _raw.Split(text, plain, null, 0, work.Parts);
        if (_normalizer is null) SplitUnchanged(text, plain, work);
        else if (work.Parts.Count == 1 && work.Parts[0].Id < 0) SplitWhole(plain, work);
        else SplitParts(text, plain, work);
    }

    private void SplitUnchanged(string text, PlainText plain, Workspace work)
    {
        foreach (AddedTokenFinder.Part part in work.Parts.Span)
        {
            if (part.Id >= 0)
            {
                work.Pieces.Add(new Piece(part.Start, part.End, part.Start, part.Id));
                continue;
            }

            work.InnerParts.Clear();
            _normalized.Split(text.AsSpan(part.Start..part.End), plain, null, part.Start, work.InnerParts);
            foreach (AddedTokenFinder.Part inner in work.InnerParts.Span)
                work.Pieces.Add(new Piece(part.Start + inner.Start, part.Start + inner.End, part.Start + inner.Start, inner.Id));
        }
    }

    private void SplitWhole(PlainText plain, Workspace work)
    {
        AlignedText text = work.Pieces.Text;
        _normalizer!.Apply(text);
        work.InnerParts.Clear();
        _normalized.Split(text.Span, plain, text, 0, work.InnerParts);
        foreach (AddedTokenFinder.Part inner in work.InnerParts.Span)
            work.Pieces.Add(new Piece(inner.Start, inner.End, text.StartOf(inner.Start), inner.Id));
    }

    private void SplitParts(string text, PlainText plain, Workspace work)
    {
        AlignedText output = work.Pieces.Text, section = work.Section;
        output.BeginRewrite(text.Length + text.Length / 8);
        foreach (AddedTokenFinder.Part part in work.Parts.Span)
        {
            section.Reset(text, part.Start, part.End);
            if (part.Id >= 0)
            {
                Append(work, new AddedTokenFinder.Part(0, section.Length, part.Id));
                continue;
            }

            _normalizer!.Apply(section);
            work.InnerParts.Clear();
            _normalized.Split(section.Span, plain, section, 0, work.InnerParts);
            foreach (AddedTokenFinder.Part inner in work.InnerParts.Span) Append(work, inner);
        }

        output.EndRewrite();
    }

    private static void Append(Workspace work, AddedTokenFinder.Part part)
    {
        if (part.Start == part.End) return;
        AlignedText output = work.Pieces.Text;
        int start = output.Written;
        output.CopyFrom(work.Section, part.Start, part.End);
        work.Pieces.Add(new Piece(start, output.Written, work.Section.StartOf(part.Start), part.Id));
    }

    private string Normalize(AddedToken token)
    {
        if (!token.Normalized || _normalizer is null) return token.Content;
        AlignedText text = new();
        text.Reset(token.Content, 0, token.Content.Length);
        _normalizer.Apply(text);
        string form = text.Span.ToString();
        text.Release();
        return form;
    }
}
