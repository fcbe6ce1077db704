using LlmService.Tokenizers.Decoders;
using LlmService.Tokenizers.Models;
using LlmService.Tokenizers.Normalizers;
using LlmService.Tokenizers.Patterns;
using LlmService.Tokenizers.PostProcessors;
using LlmService.Tokenizers.PreTokenizers;

namespace LlmService.Tokenizers.Conversion;

/// <summary>Reads a SentencePiece model as the class of the reference does that its repository names.</summary>
internal sealed class SentencePieceConverter
{
    private const char Mark = '▁';
    private const int PegasusOffset = 103;

    private static readonly string[] MBartLanguages =
    [
        "ar_AR", "cs_CZ", "de_DE", "en_XX", "es_XX", "et_EE", "fi_FI", "fr_XX", "gu_IN", "hi_IN", "it_IT", "ja_XX", "kk_KZ", "ko_KR", "lt_LT", "lv_LV", "my_MM",
        "ne_NP", "nl_XX", "ro_RO", "ru_RU", "si_LK", "tr_TR", "vi_VN", "zh_CN",
    ];

    private static readonly string[] MBart50Languages =
    [
        .. MBartLanguages, "af_ZA", "az_AZ", "bn_IN", "fa_IR", "he_IL", "hr_HR", "id_ID", "ka_GE", "km_KH", "mk_MK", "ml_IN", "mn_MN", "mr_IN", "pl_PL", "ps_AF",
        "pt_XX", "sv_SE", "sw_KE", "ta_IN", "te_IN", "th_TH", "tl_XX", "uk_UA", "ur_PK", "xh_ZA", "gl_ES", "sl_SI",
    ];

    private static readonly string[] LlamaLike = ["LlamaTokenizer", "CodeLlamaTokenizer", "Phi3Tokenizer"];
    private static readonly string[] RobertaLike = ["XLMRobertaTokenizer", "CamembertTokenizer", "BarthezTokenizer"];
    private static readonly string[] MBartLike = ["MBartTokenizer", "MBart50Tokenizer", "NllbTokenizer"];
    private static readonly string[] AlbertLike = ["AlbertTokenizer", "FNetTokenizer", "XLNetTokenizer", "RemBertTokenizer"];

    /// <summary>The classes that read such a file.</summary>
    public static readonly string[] Classes =
    [
        .. LlamaLike, "GemmaTokenizer", "T5Tokenizer", "PegasusTokenizer", .. RobertaLike, .. MBartLike, .. AlbertLike, "DebertaV2Tokenizer", "BigBirdTokenizer",
        "XGLMTokenizer", "ReformerTokenizer", "BertGenerationTokenizer",
    ];

    private readonly RepositorySettings _settings;
    private readonly string _kind;
    private readonly string _path;
    private readonly SentencePieceModel _model;
    private readonly bool _isLlama;
    private readonly bool _isGemma;
    private readonly bool _isLegacy;
    private readonly bool _spaceBefore;

    private SentencePieceConverter(RepositorySettings settings, string kind, string path)
    {
        _settings = settings;
        _kind = kind;
        _path = path;
        _model = SentencePieceModel.Load(path);
        _isLlama = LlamaLike.Contains(kind);
        _isGemma = kind == "GemmaTokenizer";
        _isLegacy = settings.Flag("legacy", absent: true);
        _spaceBefore = settings.Flag("add_prefix_space", absent: true);
    }

    public static Tokenizer Convert(RepositorySettings settings, string kind, string path) => new SentencePieceConverter(settings, kind, path).Convert();

    private Tokenizer Convert()
    {
        ConvertedTokenizer tokenizer = new(_settings, ReadModel())
        {
            Normalizer = NormalizerOfKind(),
            PreTokenizer = PreTokenizerOfKind(),
            Decoder = DecoderOfKind(),
            Defaults = Defaults(),
        };
        foreach (SentencePiece piece in _model.Pieces)
        {
            if (piece.Kind is not (PieceKind.Control or PieceKind.UserDefined)) continue;
            bool special = piece.Kind == PieceKind.Control || (_isGemma && piece.Text is "<start_of_turn>" or "<end_of_turn>");
            tokenizer.Add(RepositorySettings.Special(piece.Text) with { Special = special });
        }

        foreach (string token in MoreSpecialTokens()) tokenizer.Add(RepositorySettings.Special(token));
        return tokenizer.Build(PostProcessorOfKind(tokenizer));
    }

    private Model ReadModel()
    {
        SentencePiece[] pieces = [.. PiecesOfKind()];
        if (!_model.IsBpe) return UnigramModel.Create([.. pieces.Select(piece => (piece.Text, piece.Score))], UnknownId(pieces.Length), byteFallback: _isLlama || _isGemma);
        Vocabulary vocabulary = Vocabulary.FromList(pieces.Select((piece, id) => (piece.Text, id)));
        return new BpeModel(vocabulary, SentencePieceMerges.Make(vocabulary, pieces, _path),
            new BpeSettings { Unknown = _model.UnknownPiece, FuseUnknown = true, ByteFallback = _isLlama || _isGemma });
    }

    private int UnknownId(int count)
    {
        int id = _isLlama ? 0 : _isGemma || RobertaLike.Contains(_kind) || MBartLike.Contains(_kind) || _kind == "XGLMTokenizer" ? 3
            : _kind == "PegasusTokenizer" ? _model.UnknownId + PegasusOffset : _model.UnknownId;
        return id >= 0 && id < count ? id : throw new TokenizerException(TokenizerFailure.Corrupt, $"{_path} names the unknown piece {id}, but has {count} pieces.") { File = _path };
    }

    /// <summary>The pieces with what the class puts before, between and after them.</summary>
    private IEnumerable<SentencePiece> PiecesOfKind()
    {
        IEnumerable<SentencePiece> all = _model.Pieces;
        switch (_kind)
        {
            case "T5Tokenizer":
                return all.Concat(Named([.. ExtraIds()]));
            case "CamembertTokenizer":
                return [.. Named("<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>"), new SentencePiece("<unk>NOTUSED", -100, PieceKind.Normal), .. all.Skip(1), .. Named("<mask>")];
            case "XLMRobertaTokenizer":
                return [.. Named("<s>", "<pad>", "</s>", "<unk>"), .. all.Skip(3), .. Named("<mask>")];
            case "MBartTokenizer" or "MBart50Tokenizer":
                return [.. Named("<s>", "<pad>", "</s>", "<unk>"), .. all.Skip(3), .. Named(Languages()), .. Named("<mask>")];
            case "NllbTokenizer":
                return [.. Named("<s>", "<pad>", "</s>", "<unk>"), .. all.Skip(3)];
            case "XGLMTokenizer":
                return [.. Named("<s>", "<pad>", "</s>", "<unk>"), .. all.Skip(3), .. Named([.. Enumerable.Range(0, 7).Select(i => $"<madeupword{i}>")])];
            case "PegasusTokenizer":
                return
                [
                    .. Named(TokenOr("pad_token", "<pad>"), TokenOr("eos_token", "</s>"), "<mask_1>", TokenOr("mask_token", "<mask_2>")),
                    .. Enumerable.Range(2, PegasusOffset - 2).Select(i => new SentencePiece($"<unk_{i}>", -100, PieceKind.Normal)), .. all.Skip(2),
                ];
            case "AlbertTokenizer" or "FNetTokenizer" or "XLNetTokenizer":
                return all.Select(piece => EndsWithNumberAndComma(piece.Text) ? piece with { Score = piece.Score - 100 } : piece);
            case "GemmaTokenizer":
                return WithTab([.. Named(TokenOr("pad_token", "<pad>"), TokenOr("eos_token", "<eos>"), TokenOr("bos_token", "<bos>")), .. all.Skip(3)]);
            default:
                return _isLlama ? all.Select((piece, id) => id < 3 ? piece with { Score = 0 } : piece) : all;
        }
    }

    private string TokenOr(string name, string absent) => _settings.Token(name, absent)!;

    private static IEnumerable<SentencePiece> Named(params string[] tokens) => tokens.Select(token => new SentencePiece(token, 0, PieceKind.Normal));

    private static IEnumerable<string> ExtraIds() => Enumerable.Range(0, 100).Reverse().Select(i => $"<extra_id_{i}>");

    private string[] Languages() => _kind == "MBartTokenizer" ? MBartLanguages : MBart50Languages;

    private IEnumerable<string> MoreSpecialTokens() => _kind switch
    {
        "T5Tokenizer" => ExtraIds().Reverse(),
        "MBartTokenizer" or "MBart50Tokenizer" => Languages(),
        "PegasusTokenizer" => ["<mask_1>", .. Enumerable.Range(2, PegasusOffset - 2).Select(i => $"<unk_{i}>")],
        "XLNetTokenizer" => ["<eop>", "<eod>"],
        _ => [],
    };

    private static bool EndsWithNumberAndComma(string piece) => piece.Length >= 2 && piece[^1] == ',' && char.IsDigit(piece[^2]);

    /// <summary>Old Gemma vocabularies have the tab as a byte only.</summary>
    private static SentencePiece[] WithTab(SentencePiece[] pieces)
    {
        int tab = Array.Exists(pieces, piece => piece.Text == "\t") ? -1 : Array.FindIndex(pieces, piece => piece.Text == "<0x09>");
        if (tab >= 0) pieces[tab] = new SentencePiece("\t", 0, PieceKind.Normal);
        return pieces;
    }

    private Normalizer? NormalizerOfKind()
    {
        ReplaceNormalizer marks = new(new LiteralPattern(" "), Mark.ToString());
        if (_isGemma) return marks;
        if (_isLlama)
            return _isLegacy ? new SequenceNormalizer(_spaceBefore ? [new PrependNormalizer(Mark.ToString()), marks] : [marks]) : null;
        PrecompiledNormalizer[] map = _model.CharacterMap.Length > 0 ? [new PrecompiledNormalizer(_model.CharacterMap, _path)] : [];
        ReplaceNormalizer oneSpace = new(new SpaceRunPattern(), " ");
        if (_kind == "DebertaV2Tokenizer")
        {
            LowercaseNormalizer[] lower = _settings.Flag("do_lower_case", absent: false) ? [new()] : [];
            return new SequenceNormalizer([.. lower, new StripNormalizer(left: true, right: true), .. map, oneSpace]);
        }

        if (!AlbertLike.Contains(_kind))
            return new SequenceNormalizer([.. map, new StripNormalizer(left: false, right: true), new ReplaceNormalizer(new SpaceRunPattern(), Mark.ToString())]);
        List<Normalizer> steps = [new ReplaceNormalizer(new LiteralPattern("``"), "\""), new ReplaceNormalizer(new LiteralPattern("''"), "\"")];
        bool isRemBert = _kind == "RemBertTokenizer";
        if (isRemBert) steps.Add(oneSpace);
        if (!_settings.Flag("keep_accents", absent: isRemBert)) steps.AddRange([new UnicodeNormalizer(compatible: true, compose: false), new StripAccentsNormalizer()]);
        if (_settings.Flag("do_lower_case", absent: _kind == "AlbertTokenizer")) steps.Add(new LowercaseNormalizer());
        steps.AddRange(map);
        if (!isRemBert) steps.Add(oneSpace);
        return new SequenceNormalizer([.. steps]);
    }

    private MetaspaceScheme Scheme(bool split) =>
        new(Mark, !_spaceBefore ? PrependScheme.Never : _isLegacy ? PrependScheme.Always : PrependScheme.First, split);

    private PreTokenizer? PreTokenizerOfKind()
    {
        if (_isGemma) return new SplitPreTokenizer(new Splitter(new LiteralPattern(" "), SplitBehavior.MergedWithPrevious));
        if (_isLlama) return _isLegacy ? null : new MetaspacePreTokenizer(Scheme(split: false));
        MetaspacePreTokenizer marks = new(Scheme(split: true));
        if (_kind == "PegasusTokenizer") return new SequencePreTokenizer([new WhitespaceSplitPreTokenizer(), marks]);
        return _kind == "DebertaV2Tokenizer" && _settings.Flag("split_by_punct", absent: false)
            ? new SequencePreTokenizer([new PunctuationPreTokenizer(SplitBehavior.Isolated), marks])
            : marks;
    }

    private Decoder DecoderOfKind()
    {
        if (!_isLlama && !_isGemma) return new MetaspaceDecoder(Scheme(split: true));
        List<Decoder> steps = [new ReplaceDecoder(new LiteralPattern(Mark.ToString()), " "), new ByteFallbackDecoder(), new FuseDecoder()];
        if (_isLlama && _spaceBefore) steps.Add(new StripDecoder(' ', start: 1, stop: 0));
        return new SequenceDecoder([.. steps]);
    }

    private Dictionary<string, AddedToken> Defaults()
    {
        if (_isGemma) return WordPieceConverter.Named(("bos_token", "<bos>"), ("eos_token", "<eos>"), ("unk_token", "<unk>"), ("pad_token", "<pad>"));
        if (_isLlama) return WordPieceConverter.Named(("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>"));
        Dictionary<string, AddedToken> tokens = _kind switch
        {
            "T5Tokenizer" => WordPieceConverter.Named(("eos_token", "</s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>")),
            "PegasusTokenizer" => WordPieceConverter.Named(("eos_token", "</s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>"), ("mask_token", "<mask_2>")),
            "XLNetTokenizer" => WordPieceConverter.Named(("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>"), ("sep_token", "<sep>"),
                ("pad_token", "<pad>"), ("cls_token", "<cls>"), ("mask_token", "<mask>")),
            "AlbertTokenizer" or "FNetTokenizer" => WordPieceConverter.Named(("bos_token", "[CLS]"), ("eos_token", "[SEP]"), ("unk_token", "<unk>"), ("sep_token", "[SEP]"),
                ("pad_token", "<pad>"), ("cls_token", "[CLS]"), ("mask_token", "[MASK]")),
            "DebertaV2Tokenizer" or "RemBertTokenizer" => WordPieceConverter.Named(("bos_token", "[CLS]"), ("eos_token", "[SEP]"), ("unk_token", "[UNK]"),
                ("sep_token", "[SEP]"), ("pad_token", "[PAD]"), ("cls_token", "[CLS]"), ("mask_token", "[MASK]")),
            "BigBirdTokenizer" => WordPieceConverter.Named(("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>"), ("sep_token", "[SEP]"),
                ("pad_token", "<pad>"), ("cls_token", "[CLS]"), ("mask_token", "[MASK]")),
            _ => WordPieceConverter.Named(("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>"), ("sep_token", "</s>"), ("pad_token", "<pad>"),
                ("cls_token", "<s>"), ("mask_token", "<mask>")),
        };
        if (_kind is "ReformerTokenizer" or "BertGenerationTokenizer" or "XGLMTokenizer") tokens.Remove("mask_token");
        if (tokens.TryGetValue("mask_token", out AddedToken? mask) && _kind is not ("PegasusTokenizer" or "DebertaV2Tokenizer")) tokens["mask_token"] = mask with { LStrip = true };
        return tokens;
    }

    private PostProcessor? PostProcessorOfKind(ConvertedTokenizer tokenizer)
    {
        if (_isLlama || _isGemma) return BosAndEos(tokenizer);
        if (_kind is "T5Tokenizer") return tokenizer.Template("$A </s>", "$A </s> $B </s>");
        if (_kind is "PegasusTokenizer") return tokenizer.Template($"$A {tokenizer.Token("eos_token")}", $"$A $B {tokenizer.Token("eos_token")}");
        if (RobertaLike.Contains(_kind)) return tokenizer.Template("<s> $A </s>", "<s> $A </s> </s> $B </s>");
        if (_kind is "MBartTokenizer") return tokenizer.Template("$A </s> en_XX", "$A $B </s> en_XX");
        if (_kind is "MBart50Tokenizer") return tokenizer.Template("en_XX $A </s>", "en_XX $A $B </s>");
        if (_kind is "NllbTokenizer") return tokenizer.Template("eng_Latn $A </s>", "eng_Latn $A $B </s>");
        if (_kind is "XGLMTokenizer") return tokenizer.Template("</s> $A", "</s> $A </s> </s> $B");
        if (_kind is "XLNetTokenizer") return tokenizer.Template("$A:0 <sep>:0 <cls>:2", "$A:0 <sep>:0 $B:1 <sep>:1 <cls>:2");
        return _kind is "ReformerTokenizer" or "BertGenerationTokenizer" ? null
            : tokenizer.Template("[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1");
    }

    private PostProcessor BosAndEos(ConvertedTokenizer tokenizer)
    {
        string Bos(int type) => _settings.Flag("add_bos_token", absent: true) ? $"{tokenizer.Token("bos_token")}:{type} " : "";
        string Eos(int type) => _settings.Flag("add_eos_token", absent: false) ? $" {tokenizer.Token("eos_token")}:{type}" : "";
        string single = $"{Bos(0)}$A:0{Eos(0)}";
        return tokenizer.Template(single, $"{single} {Bos(1)}$B:1{Eos(1)}");
    }
}
