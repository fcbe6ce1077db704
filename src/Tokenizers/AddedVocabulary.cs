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

    public bool Contains(int id) => _tokens.ContainsKey(id);

    public bool IsSpecial(int id) => _tokens.TryGetValue(id, out AddedToken? token) && token.Special;

    /// <summary>Whether decoding leaves out a token that is spelled so.</summary>
    public bool IsSpecialSpelling(string token) => _special.Contains(token);

    /// <summary>Finds tokens in the raw text, normalizes what lies between, and finds tokens there again.</summary>
    public PreTokenizedText Split(string text)
    {
        AlignedText all = new(text, 0, text.Length);
        AlignedText output = new(text.Length + text.Length / 8 + 8, 0);
        PreTokenizedText result = new(output);
        foreach (AddedTokenFinder.Part part in _raw.Split(all.Span))
        {
            if (part.Id >= 0) Append(result, all, part);
            else AppendNormalized(result, text, all, part);
        }

        return result;
    }

    private void AppendNormalized(PreTokenizedText result, string text, AlignedText all, AddedTokenFinder.Part part)
    {
        AlignedText section = part.Start == 0 && part.End == all.Length ? all : new AlignedText(text, part.Start, part.End);
        if (_normalizer is not null) section = _normalizer.Apply(section);
        foreach (AddedTokenFinder.Part inner in _normalized.Split(section.Span)) Append(result, section, inner);
    }

    private static void Append(PreTokenizedText result, AlignedText source, AddedTokenFinder.Part part)
    {
        if (part.Start == part.End) return;
        int start = result.Text.Length;
        result.Text.Append(source, part.Start, part.End);
        result.Pieces.Add(new Piece(start, result.Text.Length, source.StartOf(part.Start), part.Id));
    }

    private string Normalize(AddedToken token) =>
        token.Normalized && _normalizer is not null
            ? _normalizer.Apply(new AlignedText(token.Content, 0, token.Content.Length)).Span.ToString()
            : token.Content;
}
