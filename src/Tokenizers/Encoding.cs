using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers;

/// <summary>A range [Start, End) of a text in UTF-16 units.</summary>
public readonly record struct TextRange(int Start, int End);

/// <summary>A tokenized text, or pair of texts. All lists have one entry a token.</summary>
public sealed class Encoding
{
    private readonly Tokenizer _tokenizer;
    private readonly EncodingSegment[] _segments;
    private readonly Dictionary<int, string>? _spellings;
    private readonly int[] _ids;
    private readonly TextRange[] _offsets;
    private readonly int[] _words;
    private string[]? _tokens;

    internal Encoding(Tokenizer tokenizer, EncodingSegment[] segments, int[] ids, TextRange[] offsets, int[] words, Dictionary<int, string>? spellings)
    {
        _tokenizer = tokenizer;
        _segments = segments;
        _ids = ids;
        _offsets = offsets;
        _words = words;
        _spellings = spellings;
    }

    /// <summary>How many tokens there are.</summary>
    public int Count => _ids.Length;

    /// <summary>Token ids.</summary>
    public IReadOnlyList<int> Ids => _ids;

    /// <summary>Token ids, without the cost of a list.</summary>
    public ReadOnlySpan<int> IdSpan => _ids;

    /// <summary>Token strings as the vocabulary spells them; an unknown token is the text that it stands for where the model says so.</summary>
    public IReadOnlyList<string> Tokens => _tokens ??= ReadTokens();

    /// <summary>Which part of its text each token covers, in UTF-16 units; (0, 0) for tokens that are not of a text.</summary>
    public IReadOnlyList<TextRange> Offsets => _offsets;

    /// <summary>Which of the texts is which to the model, as the post-processor sets it.</summary>
    public IReadOnlyList<int> TypeIds => Expand(segment => segment.TypeId);

    /// <summary>True for tokens that the post-processor or the padding added.</summary>
    public IReadOnlyList<bool> SpecialTokensMask => Expand(segment => segment.IsSpecial);

    /// <summary>False for padding.</summary>
    public IReadOnlyList<bool> AttentionMask => Expand(segment => segment.IsAttended);

    /// <summary>0 for tokens of the first text, 1 for those of the second, -1 for others.</summary>
    public IReadOnlyList<int> SequenceIds => Expand(segment => segment.Sequence);

    /// <summary>The number of the word of its text that each token is from, as the pre-tokenizer cuts it; -1 for tokens that are not of a text.</summary>
    public IReadOnlyList<int> WordIds => _words;

    /// <summary>The offsets counted in Unicode code points, as Python counts them.</summary>
    /// <param name="text">The text that was encoded.</param>
    /// <param name="pair">The second text, when there was one.</param>
    public IReadOnlyList<TextRange> CodePointOffsets(string text, string? pair = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        TextRange[] result = [.. _offsets];
        CodePointCounter first = new(text), second = new(pair ?? "");
        int at = 0;
        foreach (EncodingSegment segment in _segments)
        {
            for (int end = at + segment.Length; at < end; at++)
                if (segment.Sequence >= 0) result[at] = segment.Sequence == 0 ? first.Count(_offsets[at]) : second.Count(_offsets[at]);
        }

        return result;
    }

    /// <summary>Fills up to a length.</summary>
    internal Encoding Pad(Padding padding, int length)
    {
        int missing = length - Count;
        if (missing <= 0) return this;
        int before = padding.Direction == PaddingDirection.Left ? missing : 0;
        int[] ids = new int[length], words = new int[length];
        ids.AsSpan().Fill(padding.Id);
        words.AsSpan().Fill(-1);
        TextRange[] offsets = new TextRange[length];
        _ids.CopyTo(ids, before);
        _words.CopyTo(words, before);
        _offsets.CopyTo(offsets, before);
        EncodingSegment filling = new(missing, padding.TypeId, -1, IsSpecial: true, IsAttended: false);
        Dictionary<int, string> spellings = (_spellings ?? []).ToDictionary(s => s.Key + before, s => s.Value);
        for (int i = 0; i < missing; i++) spellings[before > 0 ? i : Count + i] = padding.Token;
        return new Encoding(_tokenizer, before > 0 ? [filling, .. _segments] : [.. _segments, filling], ids, offsets, words, spellings);
    }

    private string[] ReadTokens()
    {
        string[] tokens = new string[_ids.Length];
        for (int i = 0; i < tokens.Length; i++)
            tokens[i] = _spellings is not null && _spellings.TryGetValue(i, out string? spelling) ? spelling : _tokenizer.SpellingOf(_ids[i]);
        return tokens;
    }

    private T[] Expand<T>(Func<EncodingSegment, T> value)
    {
        T[] result = new T[_ids.Length];
        int at = 0;
        foreach (EncodingSegment segment in _segments)
        {
            result.AsSpan(at, segment.Length).Fill(value(segment));
            at += segment.Length;
        }

        return result;
    }
}
