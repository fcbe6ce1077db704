using LlmService.Tokenizers.Decoders;
using LlmService.Tokenizers.Models;
using LlmService.Tokenizers.Normalizers;
using LlmService.Tokenizers.Patterns;
using LlmService.Tokenizers.PostProcessors;
using LlmService.Tokenizers.PreTokenizers;

namespace LlmService.Tokenizers.Conversion;

/// <summary>Makes a tokenizer of plain data, of the parts that a <c>tokenizer.json</c> of the same kind has.</summary>
internal sealed class VocabularyConverter
{
    private const char Mark = '▁';
    private const int MostTokens = 16_000_000;

    private readonly TokenizerVocabulary _source;

    private VocabularyConverter(TokenizerVocabulary source) => _source = source;

    public static Tokenizer Convert(TokenizerVocabulary source)
    {
        VocabularyConverter converter = new(source);
        converter.Check();
        return converter.Convert();
    }

    private Tokenizer Convert()
    {
        Model model = _source.Kind switch
        {
            VocabularyKind.ByteLevelBpe => ByteLevelModel(),
            VocabularyKind.SentencePieceBpe => SentencePieceModel(),
            VocabularyKind.Unigram => Unigram(),
            VocabularyKind kind => throw new ArgumentOutOfRangeException(nameof(TokenizerVocabulary.Kind), kind, null),
        };
        AddedVocabulary added = new(AddedTokens(), model, NormalizerOfKind());
        return new Tokenizer(added, PreTokenizerOfKind(), model, PostProcessorOfKind(), DecoderOfKind());
    }

    private void Check()
    {
        int count = _source.Tokens.Count;
        if (count is 0 or > MostTokens) throw Corrupt($"has {count} tokens; from 1 to {MostTokens} were expected");
        if (_source.TokenKinds.Count != 0 && _source.TokenKinds.Count != count) throw Corrupt($"has {count} tokens, but kinds of {_source.TokenKinds.Count}");
        bool needsScores = _source.Kind != VocabularyKind.ByteLevelBpe;
        if (needsScores && _source.Scores.Count != count) throw Corrupt($"has {count} tokens, but scores of {_source.Scores.Count}");
        for (int id = 0; needsScores && id < count; id++)
            if (!float.IsFinite(_source.Scores[id])) throw Corrupt($"gives '{_source.Tokens[id]}' a score that is no number");
        foreach (int? special in (ReadOnlySpan<int?>)[_source.UnknownId, _source.PrefixId, _source.SuffixId])
            if (special is { } id && (id < 0 || id >= count)) throw Corrupt($"names the special token {id}, but has {count} tokens");
    }

    private TokenKind KindOf(int id) => _source.TokenKinds.Count == 0 ? TokenKind.Normal : _source.TokenKinds[id];

    private BpeModel ByteLevelModel()
    {
        Vocabulary vocabulary = Vocabulary.FromList(_source.Tokens.Select((token, id) => (token, id)));
        MergeTable merges = new(_source.Merges.Count);
        for (int rank = 0; rank < _source.Merges.Count; rank++)
        {
            string merge = _source.Merges[rank];
            int space = merge.IndexOf(' ', StringComparison.Ordinal);
            if (space <= 0 || merge.LastIndexOf(' ') != space || space == merge.Length - 1) throw Corrupt($"has the merge {rank}, '{merge}', which is not two tokens");
            int left = vocabulary.Find(merge.AsSpan(0, space)), right = vocabulary.Find(merge.AsSpan(space + 1)), joined = vocabulary.Find(merge.Remove(space, 1));
            if (left < 0 || right < 0 || joined < 0) throw Corrupt($"has the merge {rank}, '{merge}', which names a token that the vocabulary lacks");
            merges.Set(left, right, rank, joined);
        }

        return new BpeModel(vocabulary, merges, new BpeSettings { IgnoreMerges = _source.IgnoreMerges });
    }

    /// <summary>Only text comes out of merges: not the special tokens, however they are spelled.</summary>
    private BpeModel SentencePieceModel()
    {
        Vocabulary vocabulary = Vocabulary.FromList(_source.Tokens.Select((token, id) => (token, id)));
        IEnumerable<SentencePiece> pieces = _source.Tokens.Select((token, id) => new SentencePiece(token, _source.Scores[id], PieceKind.Normal))
            .Where((_, id) => KindOf(id) is TokenKind.Normal or TokenKind.UserDefined);
        return new BpeModel(vocabulary, SentencePieceMerges.Make(vocabulary, [.. pieces], _source.FileName),
            new BpeSettings { Unknown = _source.UnknownId is { } id ? _source.Tokens[id] : null, FuseUnknown = true, ByteFallback = true });
    }

    /// <summary>An unused token keeps its number, but has no text that could be found, and its score is not the lowest.</summary>
    private UnigramModel Unigram()
    {
        (string, double)[] pieces = [.. _source.Tokens.Select((token, id) => KindOf(id) switch
        {
            TokenKind.Unused => ("", 0.0),
            TokenKind.UserDefined => (token, 0.0),
            _ => (token, (double)_source.Scores[id]),
        })];
        return UnigramModel.Create(pieces, _source.UnknownId ?? throw Corrupt("has no unknown token, which a unigram vocabulary needs"), byteFallback: false);
    }

    private IEnumerable<AddedToken> AddedTokens()
    {
        for (int id = 0; id < _source.Tokens.Count; id++)
            if (KindOf(id) is TokenKind.Control or TokenKind.Unknown or TokenKind.UserDefined)
                yield return RepositorySettings.Special(_source.Tokens[id]) with { Special = KindOf(id) != TokenKind.UserDefined, RStrip = _source.StrippingTokens.Contains(_source.Tokens[id]) };
    }

    private SequenceNormalizer? NormalizerOfKind()
    {
        List<Normalizer> steps = [];
        if (_source.Compose) steps.Add(new UnicodeNormalizer(compatible: false, compose: true));
        if (_source.CharacterMap.Count > 0) steps.Add(new PrecompiledNormalizer([.. _source.CharacterMap], _source.FileName));
        if (_source.Kind == VocabularyKind.Unigram && _source.RemoveExtraSpaces)
            steps.AddRange([new StripNormalizer(left: false, right: true), new ReplaceNormalizer(new SpaceRunPattern(), Mark.ToString())]);
        if (_source.Kind == VocabularyKind.SentencePieceBpe)
        {
            if (_source.AddSpacePrefix) steps.Add(new PrependNormalizer(Mark.ToString()));
            steps.Add(new ReplaceNormalizer(new LiteralPattern(" "), Mark.ToString()));
        }

        return steps.Count == 0 ? null : new SequenceNormalizer([.. steps]);
    }

    private MetaspaceScheme Scheme => new(Mark, _source.AddSpacePrefix ? PrependScheme.Always : PrependScheme.Never, Split: true);

    private PreTokenizer? PreTokenizerOfKind() => _source.Kind switch
    {
        VocabularyKind.ByteLevelBpe => new SequencePreTokenizer([.. _source.WordPatterns.Select(Words), new ByteLevelPreTokenizer(addPrefixSpace: false, useRegex: false)]),
        VocabularyKind.Unigram => new MetaspacePreTokenizer(Scheme),
        _ => null,
    };

    private PreTokenizer Words(string pattern)
    {
        try
        {
            return new SplitPreTokenizer(new Splitter(KnownPatterns.Find(pattern) ?? new RegexPattern(pattern), SplitBehavior.Isolated));
        }
        catch (FormatException e)
        {
            throw new TokenizerException(TokenizerFailure.Unsupported, $"{_source.FileName} cuts words by '{pattern}', in which this library does not understand {e.Message}") { File = _source.FileName };
        }
    }

    private Decoder DecoderOfKind()
    {
        if (_source.Kind == VocabularyKind.ByteLevelBpe) return new ByteLevelDecoder();
        if (_source.Kind == VocabularyKind.Unigram) return new MetaspaceDecoder(Scheme);
        List<Decoder> steps = [new ReplaceDecoder(new LiteralPattern(Mark.ToString()), " "), new ByteFallbackDecoder(), new FuseDecoder()];
        if (_source.AddSpacePrefix) steps.Add(new StripDecoder(' ', start: 1, stop: 0));
        return new SequenceDecoder([.. steps]);
    }

    private TemplatePostProcessor PostProcessorOfKind()
    {
        TemplatePostProcessor.Part[] Framed(int text) => [.. Special(_source.PrefixId, text), new TemplatePostProcessor.Part(text, text, null), .. Special(_source.SuffixId, text)];
        return new TemplatePostProcessor(Framed(0), [.. Framed(0), .. Framed(1)]);
    }

    private TemplatePostProcessor.Part[] Special(int? id, int type) =>
        id is { } number ? [new TemplatePostProcessor.Part(-1, type, [new LayoutPart(-1, number, _source.Tokens[number], 0, -1)])] : [];

    private TokenizerException Corrupt(string what) => new(TokenizerFailure.Corrupt, $"{_source.FileName} {what}.") { File = _source.FileName };
}
