namespace LlmService.Tokenizers;

/// <summary>How a vocabulary cuts texts into tokens.</summary>
public enum VocabularyKind
{
    /// <summary>Byte pair encoding over the visible spelling of bytes, by ranked merges (GPT-2 and its kin).</summary>
    ByteLevelBpe,

    /// <summary>SentencePiece's byte pair encoding: the merge with the best score first; unknown characters become byte tokens.</summary>
    SentencePieceBpe,

    /// <summary>SentencePiece's unigram model: the cut with the highest sum of scores (T5).</summary>
    Unigram,
}

/// <summary>What a token of a vocabulary is.</summary>
public enum TokenKind
{
    /// <summary>A piece of text.</summary>
    Normal,

    /// <summary>What unknown characters become.</summary>
    Unknown,

    /// <summary>A special token: found in texts before all others, left out when ids are turned back into text.</summary>
    Control,

    /// <summary>An added token that is text like any other, but found before the model sees the text.</summary>
    UserDefined,

    /// <summary>A number without use: no text becomes it.</summary>
    Unused,

    /// <summary>One byte, spelled <c>&lt;0x0A&gt;</c>.</summary>
    Byte,
}

/// <summary>A tokenizer as plain data, for files that have its parts in a layout of their own; <see cref="Tokenizer.FromVocabulary"/> makes one of it.</summary>
public sealed record TokenizerVocabulary
{
    /// <summary>The file, for messages.</summary>
    public required string FileName { get; init; }

    /// <summary>How texts are cut.</summary>
    public required VocabularyKind Kind { get; init; }

    /// <summary>The tokens; their places are their ids.</summary>
    public required IReadOnlyList<string> Tokens { get; init; }

    /// <summary>What each token is; empty when all are normal.</summary>
    public IReadOnlyList<TokenKind> TokenKinds { get; init; } = [];

    /// <summary>The score of each token; the SentencePiece kinds need them.</summary>
    public IReadOnlyList<float> Scores { get; init; } = [];

    /// <summary>The merges of byte-level BPE, best first: two tokens with a space between.</summary>
    public IReadOnlyList<string> Merges { get; init; } = [];

    /// <summary>The regular expressions that cut a text into words for byte-level BPE, one after the other.</summary>
    public IReadOnlyList<string> WordPatterns { get; init; } = [];

    /// <summary>Whether a word that is a token is taken whole, whatever the merges say.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>Whether texts are composed (NFC) first.</summary>
    public bool Compose { get; init; }

    /// <summary>Whether a text, and what follows an added token, gets a space before it (the SentencePiece kinds).</summary>
    public bool AddSpacePrefix { get; init; }

    /// <summary>Whether runs of spaces become one and those at the end go (unigram).</summary>
    public bool RemoveExtraSpaces { get; init; }

    /// <summary>SentencePiece's compiled character map; empty when texts stay as they are.</summary>
    public IReadOnlyList<byte> CharacterMap { get; init; } = [];

    /// <summary>Added tokens that take the white space behind them (Phi 3).</summary>
    public IReadOnlySet<string> StrippingTokens { get; init; } = new HashSet<string>();

    /// <summary>The token that unknown characters become; null for none.</summary>
    public int? UnknownId { get; init; }

    /// <summary>The token before every text; null for none.</summary>
    public int? PrefixId { get; init; }

    /// <summary>The token after every text; null for none.</summary>
    public int? SuffixId { get; init; }
}
