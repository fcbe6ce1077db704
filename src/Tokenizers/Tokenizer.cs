using System.Runtime.InteropServices;
using LlmService.Tokenizers.Decoders;
using LlmService.Tokenizers.Models;
using LlmService.Tokenizers.PostProcessors;
using LlmService.Tokenizers.PreTokenizers;

namespace LlmService.Tokenizers;

/// <summary>A tokenizer read from <c>tokenizer.json</c>. Immutable; safe for concurrent use.</summary>
/// <remarks>Does what the file says: <c>add_bos_token</c> and <c>add_eos_token</c> of <c>tokenizer_config.json</c> change nothing here,
/// and truncation and padding stored in the file are not applied.</remarks>
public sealed class Tokenizer
{
    private readonly AddedVocabulary _added;
    private readonly PreTokenizer? _preTokenizer;
    private readonly Model _model;
    private readonly PostProcessor? _postProcessor;
    private readonly Decoder _decoder;

    internal Tokenizer(AddedVocabulary added, PreTokenizer? preTokenizer, Model model, PostProcessor? postProcessor, Decoder decoder)
    {
        _added = added;
        _preTokenizer = preTokenizer;
        _model = model;
        _postProcessor = postProcessor;
        _decoder = decoder;
    }

    /// <summary>One more than the highest token id.</summary>
    public int VocabularySize => Math.Max(_model.Vocabulary.Size, _added.Size);

    /// <summary>Reads <c>tokenizer.json</c> of a model folder.</summary>
    /// <exception cref="TokenizerException">Missing, damaged or not supported.</exception>
    public static Tokenizer Load(string modelFolder) => TokenizerJson.Load(Path.Combine(modelFolder, "tokenizer.json"));

    /// <summary>Reads a <c>tokenizer.json</c> from memory; <paramref name="fileName"/> is for messages.</summary>
    /// <exception cref="TokenizerException">Damaged or not supported.</exception>
    public static Tokenizer Parse(ReadOnlyMemory<byte> json, string fileName) => TokenizerJson.Parse(json, fileName);

    /// <summary>Tokenizes a text. Unpaired surrogates count as U+FFFD.</summary>
    public Encoding Encode(string text, SpecialTokens specialTokens)
    {
        ArgumentNullException.ThrowIfNull(text);

        // 1. Added tokens and normalization, 2. cutting, 3. the model, 4. special tokens.
        text = ReplaceLoneSurrogates(text);
        PreTokenizedText pieces = _added.Split(text);
        _preTokenizer?.Apply(pieces);
        EncodingBuilder encoding = Tokenize(text, pieces);
        return (_postProcessor?.Apply(encoding, specialTokens == SpecialTokens.Include) ?? encoding).Build();
    }

    /// <summary>Turns ids back into text. Ids that the vocabulary lacks are left out.</summary>
    public string Decode(ReadOnlySpan<int> ids, SpecialTokens specialTokens)
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
    public DecodeStream CreateDecodeStream(SpecialTokens specialTokens) => new(this, _decoder, specialTokens);

    /// <summary>The token that a decode sees for an id; null when it is left out.</summary>
    internal string? TokenToDecode(int id, SpecialTokens specialTokens)
    {
        string? token = IdToToken(id);
        return token is null || (specialTokens == SpecialTokens.Skip && _added.IsSpecialSpelling(token)) ? null : token;
    }

    private static string ReplaceLoneSurrogates(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0) return text;
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

    private EncodingBuilder Tokenize(string text, PreTokenizedText pieces)
    {
        EncodingBuilder encoding = new(text, pieces.Pieces.Count + 8);
        List<Token> tokens = [];
        foreach (Piece piece in pieces.Pieces)
        {
            ReadOnlySpan<char> span = pieces.Text.Span[piece.Start..piece.End];
            tokens.Clear();
            if (piece.IsText) _model.Tokenize(span, tokens);
            else tokens.Add(new Token(piece.TokenId, 0, span.Length, span.ToString()));
            foreach (Token token in CollectionsMarshal.AsSpan(tokens))
            {
                TextRange range = token.End > token.Start
                    ? pieces.Text.Original(piece.Start + token.Start, piece.Start + token.End)
                    : new TextRange(piece.Origin + token.Start, piece.Origin + token.End);
                encoding.Add(token.Id, token.Value ?? _model.Vocabulary.TokenOf(token.Id) ?? "", range, typeId: 0, special: false);
            }
        }

        return encoding;
    }
}
