using LlmService.Tokenizers.Decoders;
using LlmService.Tokenizers.Models;
using LlmService.Tokenizers.Normalizers;
using LlmService.Tokenizers.PreTokenizers;

namespace LlmService.Tokenizers.Conversion;

/// <summary>Reads <c>vocab.txt</c>, a token a line, as BERT and its kin have it.</summary>
internal static class WordPieceConverter
{
    private const string Prefix = "##";
    private const int LongestWord = 100;

    private static readonly Dictionary<string, AddedToken> BertTokens = Named(("unk_token", "[UNK]"), ("sep_token", "[SEP]"), ("pad_token", "[PAD]"), ("cls_token", "[CLS]"), ("mask_token", "[MASK]"));

    private static readonly Dictionary<string, AddedToken> MpNetTokens = new(Named(
        ("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "[UNK]"), ("sep_token", "</s>"), ("pad_token", "<pad>"), ("cls_token", "<s>")), StringComparer.Ordinal)
    {
        ["mask_token"] = RepositorySettings.Special("<mask>") with { LStrip = true },
    };

    /// <summary>The classes that read such a file.</summary>
    public static readonly string[] Classes =
    [
        "BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer", "ConvBertTokenizer", "SqueezeBertTokenizer", "LayoutLMTokenizer",
        "LayoutLMv2Tokenizer", "LxmertTokenizer", "DPRReaderTokenizer", "DPRQuestionEncoderTokenizer", "DPRContextEncoderTokenizer", "MPNetTokenizer", "FunnelTokenizer",
    ];

    public static Tokenizer Convert(RepositorySettings settings, string kind)
    {
        Vocabulary vocabulary = ReadVocabulary(settings.PathOf("vocab.txt"));
        Dictionary<string, AddedToken> defaults = kind == "MPNetTokenizer" ? MpNetTokens : kind == "FunnelTokenizer" ? FunnelTokens() : BertTokens;
        bool lowercase = settings.Flag("do_lower_case", absent: true);
        ConvertedTokenizer tokenizer = new(settings, new WordPieceModel(vocabulary, settings.Token("unk_token", "[UNK]")!, Prefix, LongestWord))
        {
            Normalizer = new BertNormalizer(cleanText: true, settings.Flag("tokenize_chinese_chars", absent: true), settings.Flag("strip_accents", absent: lowercase), lowercase),
            PreTokenizer = new BertPreTokenizer(),
            Decoder = new WordPieceDecoder(Prefix, cleanUp: true),
            Defaults = defaults,
        };
        string start = tokenizer.Token("cls_token"), separator = tokenizer.Token("sep_token");
        string first = $"{start}:{(kind == "FunnelTokenizer" ? 2 : 0)} $A:0 {separator}:0";
        return tokenizer.Build(tokenizer.Template(first, $"{first} {(kind == "MPNetTokenizer" ? $"{separator}:0 " : "")}$B:1 {separator}:1"));
    }

    public static Dictionary<string, AddedToken> Named(params (string Name, string Token)[] tokens) =>
        tokens.ToDictionary(token => token.Name, token => RepositorySettings.Special(token.Token), StringComparer.Ordinal);

    private static Dictionary<string, AddedToken> FunnelTokens() => Named(("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>"), ("sep_token", "<sep>"),
        ("pad_token", "<pad>"), ("cls_token", "<cls>"), ("mask_token", "<mask>"));

    private static Vocabulary ReadVocabulary(string path)
    {
        Vocabulary vocabulary = Vocabulary.Create();
        int id = 0;
        foreach (string line in TextLines.Read(path)) vocabulary.Add(line, id++);
        return id > 0 ? vocabulary.Finish() : throw new TokenizerException(TokenizerFailure.Corrupt, $"{path} is empty.") { File = path };
    }
}
