using LlmService.Tokenizers;

namespace LlmService.Inference.Weights.Gguf;

/// <summary>The tokenizer inside a GGUF file.</summary>
internal sealed class GgufTokenizer
{
    private const string Prefix = "tokenizer.ggml.";
    private const string TokensKey = Prefix + "tokens";
    private const string PreKey = Prefix + "pre";

    // Ends of a turn that files leave out of their keys; models write them all the same.
    private static readonly string[] EndTexts =
        ["<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<EOT>", "</s>"];

    // All special tokens of Phi 3 but these take the white space behind them; the file does not say so.
    private static readonly string[] PlainPhi3Tokens = ["<unk>", "<s>", "<|endoftext|>"];

    private readonly GgufMetadata _metadata;
    private readonly string _model;
    private readonly string[] _tokens;
    private readonly TokenKind[] _kinds;

    private GgufTokenizer(GgufMetadata metadata, string[] tokens)
    {
        _metadata = metadata;
        _tokens = tokens;
        _model = metadata.Text(Prefix + "model") ?? throw metadata.Missing(Prefix + "model", "the kind of the vocabulary");
        _kinds = ReadKinds();
    }

    /// <summary>Reads the vocabulary; null when the file has none.</summary>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public static GgufTokenizer? Read(GgufMetadata metadata) => metadata.Texts(TokensKey) is { } tokens ? new(metadata, tokens) : null;

    /// <summary>The token before a text, where there is one.</summary>
    public string? BosToken => TextOf(Bos);

    /// <summary>The token at the end of a text, where there is one.</summary>
    public string? EosToken => TextOf(Eos);

    /// <summary>The special tokens as variables of chat templates.</summary>
    public Dictionary<string, string> Variables => new(
        new (string Name, string? Token)[] { ("bos_token", BosToken), ("eos_token", EosToken), ("unk_token", TextOf(Unknown)), ("pad_token", TextOf(Id("padding"))) }
            .Where(t => t.Token is not null).Select(t => KeyValuePair.Create(t.Name, t.Token!)));

    /// <summary>The tokens that end a text: those that the keys name, and the well-known ends of a turn among the special tokens.</summary>
    public IReadOnlyList<int> EndTokenIds
    {
        get
        {
            List<int> ids = [.. new[] { Eos, Id("eot"), Id("eom") }.OfType<int>()];
            ids.AddRange(Enumerable.Range(0, _tokens.Length).Where(id => _kinds[id] == TokenKind.Control && EndTexts.Contains(_tokens[id])));
            return [.. ids.Distinct()];
        }
    }

    private bool IsSentencePiece => _model == "llama";

    private bool IsUnigram => _model == "t5";

    // Where a file does not name them, the numbers that the kind of vocabulary has had from the beginning.
    private int? Bos => Id("bos") ?? (IsSentencePiece && _tokens.Length > 1 ? 1 : null);

    private int? Eos => Id("eos") ?? (IsSentencePiece && _tokens.Length > 2 ? 2 : IsUnigram && _tokens.Length > 1 ? 1 : null);

    private int? Unknown => Id("unknown") ?? (IsSentencePiece ? 0 : IsUnigram && _tokens.Length > 2 ? 2 : null);

    /// <summary>The vocabulary as data.</summary>
    /// <exception cref="TokenizerException">Unsupported.</exception>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public TokenizerVocabulary Vocabulary()
    {
        TokenizerVocabulary common = new() { FileName = _metadata.Path, Kind = VocabularyKind.ByteLevelBpe, Tokens = _tokens, TokenKinds = _kinds, UnknownId = Unknown };
        return _model switch
        {
            "gpt2" => ByteLevel(common),
            "llama" => Framed(common, addBos: true, addEos: false) with { Kind = VocabularyKind.SentencePieceBpe, Scores = Scores(), AddSpacePrefix = Flag("add_space_prefix", true), StrippingTokens = Stripping() },
            "t5" => Framed(common, addBos: false, addEos: true) with
            {
                Kind = VocabularyKind.Unigram,
                Scores = Scores(),
                AddSpacePrefix = Flag("add_space_prefix", true),
                RemoveExtraSpaces = Flag("remove_extra_whitespaces", true),
                CharacterMap = _metadata.Bytes(Prefix + "precompiled_charsmap") ?? [],
            },
            _ => throw Unsupported(Prefix + "model", _model, "llama, gpt2, t5"),
        };
    }

    private HashSet<string> Stripping() => GgufConfiguration.ArchitectureOf(_metadata) != GgufConfiguration.Phi3 ? []
        : [.. _tokens.Where((token, id) => (_kinds[id] is TokenKind.Control or TokenKind.UserDefined || token == "</s>") && !PlainPhi3Tokens.Contains(token))];

    private TokenizerVocabulary ByteLevel(TokenizerVocabulary common)
    {
        string pre = _metadata.Text(PreKey) ?? "default";
        WordPatterns words = WordPatterns.Find(pre) ?? throw Unsupported(PreKey, pre, WordPatterns.Known);
        return Framed(common, words.AddBos, addEos: false) with
        {
            UnknownId = null,
            Merges = _metadata.Texts(Prefix + "merges") ?? throw _metadata.Missing(Prefix + "merges", "the list of merges"),
            WordPatterns = words.Patterns,
            IgnoreMerges = words.IgnoreMerges,
            Compose = words.Compose,
        };
    }

    private TokenizerVocabulary Framed(TokenizerVocabulary vocabulary, bool addBos, bool addEos) => vocabulary with
    {
        PrefixId = Flag("add_bos_token", addBos) ? Bos : null,
        SuffixId = Flag("add_eos_token", addEos) ? Eos : null,
    };

    private float[] Scores() => [.. (_metadata.Numbers(Prefix + "scores") ?? throw _metadata.Missing(Prefix + "scores", "a score for each token")).Select(score => (float)score)];

    // Without kinds, the special tokens are those that the keys name.
    private TokenKind[] ReadKinds()
    {
        const string Key = Prefix + "token_type";
        TokenKind[] kinds = new TokenKind[_tokens.Length];
        if (_metadata.Numbers(Key) is not { } numbers)
        {
            foreach (int id in new[] { Bos, Eos, Id("eot"), Unknown }.OfType<int>())
                kinds[id] = TokenKind.Control;
            return kinds;
        }
        if (numbers.Length != kinds.Length)
            throw _metadata.Corrupt(Key, $"has {numbers.Length} entries; {TokensKey} has {kinds.Length}");
        for (int id = 0; id < kinds.Length; id++)
            kinds[id] = KindOf(Key, numbers[id]);
        return kinds;
    }

    private TokenKind KindOf(string key, double number) => number switch
    {
        0 or 1 => TokenKind.Normal,
        2 => TokenKind.Unknown,
        3 => TokenKind.Control,
        4 => TokenKind.UserDefined,
        5 => TokenKind.Unused,
        6 => TokenKind.Byte,
        _ => throw _metadata.Corrupt(key, $"has the number {number.ToString(System.Globalization.CultureInfo.InvariantCulture)}, which is no kind of token"),
    };

    private bool Flag(string name, bool absent) => _metadata.Boolean(Prefix + name) ?? absent;

    private int? Id(string name) => _metadata.TokenId($"{Prefix}{name}_token_id", _tokens.Length);

    private string? TextOf(int? id) => id is { } number ? _tokens[number] : null;

    private TokenizerException Unsupported(string key, string value, string known) =>
        new(TokenizerFailure.Unsupported, $"'{_metadata.Path}': {key} '{Configuration.ConfigReader.Quote(value)}' is not supported; known are {known}. A tokenizer.json beside the file is read in its place.") { File = _metadata.Path };
}
