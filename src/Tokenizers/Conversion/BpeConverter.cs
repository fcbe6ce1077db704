using System.Text.Json;
using LlmService.Tokenizers.Decoders;
using LlmService.Tokenizers.Models;
using LlmService.Tokenizers.Normalizers;
using LlmService.Tokenizers.Patterns;
using LlmService.Tokenizers.PostProcessors;
using LlmService.Tokenizers.PreTokenizers;

namespace LlmService.Tokenizers.Conversion;

/// <summary>Reads <c>vocab.json</c> and <c>merges.txt</c>, as GPT-2 and its kin have them.</summary>
internal static class BpeConverter
{
    private const string EndOfText = "<|endoftext|>";
    private const string ClipWords = @"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

    private static readonly string[] Gpt2Like = ["GPT2Tokenizer", "CodeGenTokenizer", "WhisperTokenizer"];
    private static readonly string[] RobertaLike = ["RobertaTokenizer", "BartTokenizer", "LongformerTokenizer", "LEDTokenizer", "MvpTokenizer", "LayoutLMv3Tokenizer", "BlenderbotTokenizer"];

    /// <summary>The classes that read such files.</summary>
    public static readonly string[] Classes = [.. Gpt2Like, .. RobertaLike, "Qwen2Tokenizer", "CLIPTokenizer", "DebertaTokenizer"];

    public static Tokenizer Convert(RepositorySettings settings, string kind)
    {
        Dictionary<string, AddedToken> defaults = Defaults(kind);
        BpeSettings modelSettings = kind == "CLIPTokenizer"
            ? new BpeSettings { Suffix = "</w>", Unknown = settings.Token("unk_token", EndOfText) }
            : new BpeSettings();
        bool spaceBefore = settings.Flag("add_prefix_space", absent: kind == "BlenderbotTokenizer");
        ConvertedTokenizer tokenizer = new(settings, ReadModel(settings, kind, modelSettings))
        {
            Normalizer = NormalizerOf(kind),
            PreTokenizer = PreTokenizerOf(kind, spaceBefore),
            Decoder = new ByteLevelDecoder(),
            Defaults = defaults,
        };
        return tokenizer.Build(PostProcessorOf(kind, settings, tokenizer, spaceBefore));
    }

    private static Dictionary<string, AddedToken> Defaults(string kind)
    {
        if (kind == "CLIPTokenizer")
            return WordPieceConverter.Named(("bos_token", "<|startoftext|>"), ("eos_token", EndOfText), ("unk_token", EndOfText), ("pad_token", EndOfText));
        if (kind == "Qwen2Tokenizer") return WordPieceConverter.Named(("eos_token", EndOfText), ("unk_token", EndOfText), ("pad_token", EndOfText));
        if (kind == "DebertaTokenizer")
        {
            return WordPieceConverter.Named(("bos_token", "[CLS]"), ("eos_token", "[SEP]"), ("unk_token", "[UNK]"), ("sep_token", "[SEP]"), ("pad_token", "[PAD]"),
                ("cls_token", "[CLS]"), ("mask_token", "[MASK]"));
        }

        if (!RobertaLike.Contains(kind)) return WordPieceConverter.Named(("bos_token", EndOfText), ("eos_token", EndOfText), ("unk_token", EndOfText));
        Dictionary<string, AddedToken> tokens = WordPieceConverter.Named(("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>"), ("sep_token", "</s>"),
            ("pad_token", "<pad>"), ("cls_token", "<s>"), ("mask_token", "<mask>"));
        tokens["mask_token"] = tokens["mask_token"] with { LStrip = true };
        return tokens;
    }

    private static BpeModel ReadModel(RepositorySettings settings, string kind, BpeSettings modelSettings)
    {
        string path = settings.PathOf("vocab.json");
        using JsonDocument document = TokenizerJson.ParseDocument(TokenizerJson.ReadFile(path), path);
        Vocabulary vocabulary = Vocabulary.ReadMap(new JsonPart(document.RootElement, "$", path));
        return new BpeModel(vocabulary, ReadMerges(settings.PathOf("merges.txt"), kind, vocabulary), modelSettings);
    }

    private static MergeTable ReadMerges(string path, string kind, Vocabulary vocabulary)
    {
        string[] lines = TextLines.Read(path);
        MergeTable merges = new(lines.Length);

        // The first line is a heading, even where it looks like a merge; Qwen2's reader looks.
        int first = kind != "Qwen2Tokenizer" || (lines.Length > 0 && lines[0].StartsWith("#version", StringComparison.Ordinal)) ? 1 : 0;
        for (int i = first; i < lines.Length; i++)
        {
            string[] parts = lines[i].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length == 0) continue;
            if (parts.Length != 2) throw Corrupt(path, i, "must be two tokens");
            int left = vocabulary.Find(parts[0]), right = vocabulary.Find(parts[1]), joined = vocabulary.Find(parts[0] + parts[1]);
            if (left < 0 || right < 0 || joined < 0) throw Corrupt(path, i, "names a token that vocab.json lacks");
            merges.Set(left, right, i - first, joined);
        }

        return merges;
    }

    private static TokenizerException Corrupt(string path, int line, string what) =>
        new(TokenizerFailure.Corrupt, $"{path}, line {line + 1}: {what}.") { File = path };

    private static Normalizer? NormalizerOf(string kind) => kind switch
    {
        "Qwen2Tokenizer" => new UnicodeNormalizer(compatible: false, compose: true),
        "CLIPTokenizer" => new SequenceNormalizer(
            [new UnicodeNormalizer(compatible: false, compose: true), new ReplaceNormalizer(new RegexPattern(@"\s+"), " "), new LowercaseNormalizer()]),
        _ => null,
    };

    private static PreTokenizer PreTokenizerOf(string kind, bool spaceBefore) => kind switch
    {
        "Qwen2Tokenizer" => Words(KnownPatterns.Find(KnownPatterns.Qwen2)!, SplitBehavior.Isolated, invert: false, new ByteLevelPreTokenizer(spaceBefore, useRegex: false)),
        "CLIPTokenizer" => Words(new RegexPattern(ClipWords), SplitBehavior.Removed, invert: true, new ByteLevelPreTokenizer(addPrefixSpace: false, useRegex: true)),
        _ => new ByteLevelPreTokenizer(spaceBefore, useRegex: true),
    };

    private static SequencePreTokenizer Words(TextPattern pattern, SplitBehavior behavior, bool invert, PreTokenizer bytes) =>
        new([new SplitPreTokenizer(new Splitter(pattern, behavior, invert)), bytes]);

    private static PostProcessor PostProcessorOf(string kind, RepositorySettings settings, ConvertedTokenizer tokenizer, bool spaceBefore)
    {
        string Named(string name) => tokenizer.Token(name);
        if (kind == "CLIPTokenizer")
            return new RobertaPostProcessor(tokenizer.Part(Named("eos_token")), tokenizer.Part(Named("bos_token")), trimOffsets: false, addPrefixSpace: false);
        if (kind == "DebertaTokenizer") return tokenizer.Template("[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1");
        if (kind == "BlenderbotTokenizer") return tokenizer.Template($"$A:0 {Named("eos_token")}:0", "$A:0 $B:1");
        if (RobertaLike.Contains(kind))
            return new RobertaPostProcessor(tokenizer.Part(Named("sep_token")), tokenizer.Part(Named("cls_token")), trimOffsets: true, spaceBefore);
        if (kind == "WhisperTokenizer")
        {
            const string Start = "<|startoftranscript|>:0 <|notimestamps|>:0 $A:0";
            return tokenizer.Template($"{Start} {Named("eos_token")}:0", $"{Start} $B:1 {Named("eos_token")}:1");
        }

        return settings.Flag("add_bos_token", absent: false) && kind != "Qwen2Tokenizer"
            ? tokenizer.Template($"{Named("bos_token")}:0 $A:0", $"{Named("bos_token")}:0 $A:0 $B:1")
            : new ByteLevelPostProcessor(addPrefixSpace: true, trimOffsets: false);
    }
}
