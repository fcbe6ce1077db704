using System.Collections.Concurrent;
using LlmService.Tokenizers.Conversion;
using LlmService.Tokenizers.Decoders;
using LlmService.Tokenizers.Models;
using LlmService.Tokenizers.PostProcessors;
using LlmService.Tokenizers.PreTokenizers;

namespace LlmService.Tokenizers;

/// <summary>A tokenizer as a model's repository has it. Immutable; safe for concurrent use.</summary>
/// <remarks>Does what the file says: <c>add_bos_token</c> and <c>add_eos_token</c> of <c>tokenizer_config.json</c> change nothing in a
/// <c>tokenizer.json</c>, and truncation and padding stored in it are applied only when <see cref="EncodeOptions"/> ask for them.</remarks>
public sealed class Tokenizer
{
    private static readonly EncodeOptions WithSpecialTokens = new(), WithoutSpecialTokens = new() { SpecialTokens = SpecialTokens.Skip };

    private readonly AddedVocabulary _added;
    private readonly PreTokenizer? _preTokenizer;
    private readonly Model _model;
    private readonly PostProcessor? _postProcessor;
    private readonly Decoder _decoder;
    private readonly PlainPieces _plainPieces;
    private readonly ConcurrentBag<Workspace> _workspaces = [];

    internal Tokenizer(AddedVocabulary added, PreTokenizer? preTokenizer, Model model, PostProcessor? postProcessor, Decoder decoder)
    {
        _added = added;
        _postProcessor = postProcessor;
        _decoder = decoder;

        // Where the last step only spells bytes for the model, the model reads the text itself.
        (_preTokenizer, _model) = preTokenizer?.WithoutSpelling() is PreTokenizer unspelled && model.OverBytes() is Model overBytes
            ? (unspelled, overBytes)
            : (preTokenizer, model);
        _plainPieces = new PlainPieces(_model, added);
    }

    /// <summary>One more than the highest token id.</summary>
    public int VocabularySize => Math.Max(_model.Vocabulary.Size, _added.Size);

    /// <summary>The truncation that the file asks for; it is not applied unasked.</summary>
    public Truncation? Truncation { get; internal init; }

    /// <summary>The padding that the file asks for; it is not applied unasked.</summary>
    public Padding? Padding { get; internal init; }

    /// <summary>Reads the tokenizer of a model folder: <c>tokenizer.json</c>, or else a SentencePiece model, <c>vocab.json</c> with <c>merges.txt</c>, or
    /// <c>vocab.txt</c>, with what <c>tokenizer_config.json</c> and its companions say.</summary>
    /// <exception cref="TokenizerException">Missing, damaged or not supported.</exception>
    public static Tokenizer Load(string modelFolder)
    {
        ArgumentNullException.ThrowIfNull(modelFolder);
        return TokenizerFolder.Load(modelFolder);
    }

    /// <summary>Which of a repository's files <see cref="Load"/> reads, the one with the vocabulary first; none when there is no tokenizer among them.</summary>
    public static IReadOnlyList<string> FilesOf(IReadOnlyCollection<string> repositoryFiles)
    {
        ArgumentNullException.ThrowIfNull(repositoryFiles);
        return TokenizerFolder.FilesOf(repositoryFiles);
    }

    /// <summary>Reads a <c>tokenizer.json</c> from memory; <paramref name="fileName"/> is for messages.</summary>
    /// <exception cref="TokenizerException">Damaged or not supported.</exception>
    public static Tokenizer Parse(ReadOnlyMemory<byte> json, string fileName) => TokenizerJson.Parse(json, fileName);

    /// <summary>Makes a tokenizer of plain data, for files that have its parts in a layout of their own.</summary>
    /// <exception cref="TokenizerException">The data contradict themselves.</exception>
    public static Tokenizer FromVocabulary(TokenizerVocabulary vocabulary)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        return VocabularyConverter.Convert(vocabulary);
    }

    /// <summary>Tokenizes a text. Unpaired surrogates count as U+FFFD.</summary>
    public Encoding Encode(string text, SpecialTokens specialTokens = SpecialTokens.Include) => Encode(text, null, OptionsFor(specialTokens));

    /// <summary>Tokenizes two texts that belong together, such as a question and a passage.</summary>
    public Encoding Encode(string text, string? pair, SpecialTokens specialTokens = SpecialTokens.Include) => Encode(text, pair, OptionsFor(specialTokens));

    /// <summary>Tokenizes a text, or two that belong together.</summary>
    /// <exception cref="ArgumentException">The truncation cannot be kept.</exception>
    public Encoding Encode(string text, string? pair, EncodeOptions options)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(options);
        Encoding encoding = EncodeUnpadded(text, pair, options);
        return options.Padding is Padding padding ? encoding.Pad(padding, padding.LengthFor(encoding.Count)) : encoding;
    }

    /// <summary>Tokenizes many texts on all cores, in order. Padding makes them as long as the longest.</summary>
    public IReadOnlyList<Encoding> EncodeBatch(IReadOnlyList<string> texts, EncodeOptions? options = null) =>
        EncodeBatch(texts, pairs: null, options);

    /// <summary>Tokenizes many pairs on all cores, in order. Padding makes them as long as the longest.</summary>
    /// <param name="texts">The first texts.</param>
    /// <param name="pairs">The second texts, as many as there are first ones; null where there is none.</param>
    public IReadOnlyList<Encoding> EncodeBatch(IReadOnlyList<string> texts, IReadOnlyList<string?>? pairs, EncodeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(texts);
        if (pairs is not null && pairs.Count != texts.Count) throw new ArgumentException($"There are {texts.Count} texts, but {pairs.Count} pairs.", nameof(pairs));
        options ??= WithSpecialTokens;
        Encoding[] encodings = new Encoding[texts.Count];
        Parallel.For(0, encodings.Length, i =>
        {
            ArgumentNullException.ThrowIfNull(texts[i], nameof(texts));
            encodings[i] = EncodeUnpadded(texts[i], pairs?[i], options);
        });
        if (options.Padding is Padding padding && encodings.Length > 0)
        {
            int length = padding.LengthFor(encodings.Max(encoding => encoding.Count));
            for (int i = 0; i < encodings.Length; i++) encodings[i] = encodings[i].Pad(padding, length);
        }

        return encodings;
    }

    /// <summary>Turns ids back into text. Ids that the vocabulary lacks are left out.</summary>
    public string Decode(ReadOnlySpan<int> ids, SpecialTokens specialTokens = SpecialTokens.Skip)
    {
        DecodeStream stream = CreateDecodeStream(specialTokens);
        foreach (int id in ids) stream.Write(id);
        return stream.Flush();
    }

    /// <summary>The id of a token, spelled as in the vocabulary; null when there is none.</summary>
    public int? TokenToId(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        int id = _added.Find(token) is int added and >= 0 ? added : _model.Vocabulary.Find(token);
        return id >= 0 ? id : null;
    }

    /// <summary>The token of an id, spelled as in the vocabulary; null when there is none.</summary>
    public string? IdToToken(int id) => _added.TokenOf(id) ?? _model.Vocabulary.TokenOf(id);

    /// <summary>Whether the id is a special added token.</summary>
    public bool IsSpecial(int id) => _added.IsSpecial(id);

    /// <summary>The bytes that one token stands for in running text (a leading word mark is a space); empty for special tokens.
    /// Unlike <see cref="Decode"/> it looks at the token alone; a byte of a multi-byte character is that byte.</summary>
    public byte[] TokenBytes(int id)
    {
        if (IsSpecial(id) || IdToToken(id) is not string token) return [];
        return _decoder.Bytes(token) ?? System.Text.Encoding.UTF8.GetBytes(_decoder.Spell(token));
    }

    /// <summary>Starts an incremental decode.</summary>
    public DecodeStream CreateDecodeStream(SpecialTokens specialTokens = SpecialTokens.Skip) => new(this, _decoder, specialTokens);

    /// <summary>The token that a decode sees for an id; null when it is left out.</summary>
    internal string? TokenToDecode(int id, SpecialTokens specialTokens)
    {
        string? token = IdToToken(id);
        return token is null || (specialTokens == SpecialTokens.Skip && _added.IsSpecialSpelling(token)) ? null : token;
    }

    /// <summary>How a result spells a token that the model found.</summary>
    internal string SpellingOf(int id) => _model.Vocabulary.TokenOf(id) ?? _added.TokenOf(id) ?? "";

    private static EncodeOptions OptionsFor(SpecialTokens specialTokens) => specialTokens == SpecialTokens.Include ? WithSpecialTokens : WithoutSpecialTokens;

    private Encoding EncodeUnpadded(string text, string? pair, EncodeOptions options)
    {
        if (!_workspaces.TryTake(out Workspace? work)) work = new Workspace();
        try
        {
            EncodingLayout layout = work.Layout;
            layout.Reset(isPair: pair is not null);
            Tokenize(ReplaceLoneSurrogates(text), layout.First, PlainText.Of(options), work);
            if (pair is not null) Tokenize(ReplaceLoneSurrogates(pair), layout.Second, PlainText.OfPair(options), work);
            bool addSpecialTokens = options.SpecialTokens == SpecialTokens.Include;
            options.Truncation?.Apply(layout.First, pair is null ? null : layout.Second, addSpecialTokens ? _postProcessor?.AddedTokens(pair is not null) ?? 0 : 0);
            _postProcessor?.Apply(layout, this, addSpecialTokens);
            return layout.Build(this);
        }
        finally
        {
            work.Release();
            _workspaces.Add(work);
        }
    }

    private void Tokenize(string text, TokenizedText output, PlainText plain, Workspace work)
    {
        TokenBuffer tokens = output.Tokens;
        // 1. Added tokens and normalization, 2. cutting, 3. the model.
        _added.Split(text, plain, work);
        _preTokenizer?.Apply(work.Pieces);
        AlignedText changed = work.Pieces.Text;
        ReadOnlySpan<char> span = changed.Span;
        ReadOnlySpan<Piece> pieces = work.Pieces.Pieces;
        tokens.Clear();
        for (int word = 0; word < pieces.Length; word++)
        {
            Piece piece = pieces[word];
            ReadOnlySpan<char> part = span[piece.Start..piece.End];
            int from = tokens.Count;
            if (piece.IsText)
            {
                _model.Tokenize(part, piece.Start, tokens);
                if (!plain.IsNowhere) _plainPieces.Check(part, piece.Start, from, changed, plain, tokens);
            }
            else if (part.SequenceEqual(SpellingOf(piece.TokenId))) tokens.Add(piece.TokenId, piece.Start, piece.End);
            else tokens.Add(piece.TokenId, piece.Start, piece.End, part.ToString());
            foreach (ref Token token in tokens.Tokens[from..])
            {
                TextRange range = token.End > token.Start
                    ? changed.Original(token.Start, token.End)
                    : new TextRange(piece.Origin + token.Start - piece.Start, piece.Origin + token.End - piece.Start);
                token = new Token(token.Id, range.Start, range.End);
            }

            tokens.EndWord(word);
        }

        output.Reset(text);
    }

    private static string ReplaceLoneSurrogates(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) return text;
        return string.Create(text.Length, text, (span, source) =>
        {
            source.CopyTo(span);
            for (int i = 0; i < span.Length; i++)
            {
                if (!char.IsSurrogate(span[i])) continue;
                if (char.IsHighSurrogate(span[i]) && i + 1 < span.Length && char.IsLowSurrogate(span[i + 1])) i++;
                else span[i] = '\uFFFD';
            }
        });
    }
}
