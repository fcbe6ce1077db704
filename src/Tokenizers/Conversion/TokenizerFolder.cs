namespace LlmService.Tokenizers.Conversion;

/// <summary>Finds the tokenizer of a model folder: <c>tokenizer.json</c>, or else the files that the reference makes one of.</summary>
internal static class TokenizerFolder
{
    private const string FastName = "tokenizer.json";

    private static readonly string[] SentencePieceNames = ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "sentencepiece.model", "spm.model"];

    /// <summary>Which class a kind of model has, for repositories that do not say.</summary>
    private static readonly Dictionary<string, string> ClassOfModel = new(StringComparer.Ordinal)
    {
        ["llama"] = "LlamaTokenizer",
        ["mistral"] = "LlamaTokenizer",
        ["mixtral"] = "LlamaTokenizer",
        ["phi3"] = "LlamaTokenizer",
        ["gemma"] = "GemmaTokenizer",
        ["gemma2"] = "GemmaTokenizer",
        ["t5"] = "T5Tokenizer",
        ["mt5"] = "T5Tokenizer",
        ["umt5"] = "T5Tokenizer",
        ["longt5"] = "T5Tokenizer",
        ["albert"] = "AlbertTokenizer",
        ["xlm-roberta"] = "XLMRobertaTokenizer",
        ["camembert"] = "CamembertTokenizer",
        ["mbart"] = "MBartTokenizer",
        ["pegasus"] = "PegasusTokenizer",
        ["deberta-v2"] = "DebertaV2Tokenizer",
        ["xlnet"] = "XLNetTokenizer",
        ["big_bird"] = "BigBirdTokenizer",
        ["xglm"] = "XGLMTokenizer",
        ["rembert"] = "RemBertTokenizer",
        ["gpt2"] = "GPT2Tokenizer",
        ["gpt_neo"] = "GPT2Tokenizer",
        ["gptj"] = "GPT2Tokenizer",
        ["opt"] = "GPT2Tokenizer",
        ["phi"] = "CodeGenTokenizer",
        ["codegen"] = "CodeGenTokenizer",
        ["roberta"] = "RobertaTokenizer",
        ["bart"] = "BartTokenizer",
        ["longformer"] = "LongformerTokenizer",
        ["led"] = "LEDTokenizer",
        ["blenderbot"] = "BlenderbotTokenizer",
        ["qwen2"] = "Qwen2Tokenizer",
        ["qwen2_moe"] = "Qwen2Tokenizer",
        ["qwen3"] = "Qwen2Tokenizer",
        ["qwen3_moe"] = "Qwen2Tokenizer",
        ["clip"] = "CLIPTokenizer",
        ["deberta"] = "DebertaTokenizer",
        ["whisper"] = "WhisperTokenizer",
        ["bert"] = "BertTokenizer",
        ["distilbert"] = "DistilBertTokenizer",
        ["electra"] = "ElectraTokenizer",
        ["mobilebert"] = "MobileBertTokenizer",
        ["mpnet"] = "MPNetTokenizer",
        ["funnel"] = "FunnelTokenizer",
        ["squeezebert"] = "SqueezeBertTokenizer",
    };

    private static readonly string[] CompanionNames = ["merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "config.json"];

    /// <summary>The files among these that a tokenizer is read from, the one with the vocabulary first; none when there is no tokenizer.</summary>
    public static IReadOnlyList<string> FilesOf(IReadOnlyCollection<string> files)
    {
        string? main = MainFile(files.Contains);
        if (main is null) return [];
        return main == FastName ? [main] : [main, .. CompanionNames.Where(name => files.Contains(name) && (name != "merges.txt" || main == "vocab.json"))];
    }

    /// <summary>The file that decides, or null.</summary>
    private static string? MainFile(Func<string, bool> isThere) =>
        isThere(FastName) ? FastName
        : Array.Find(SentencePieceNames, name => isThere(name)) ?? (isThere("vocab.json") && isThere("merges.txt") ? "vocab.json" : isThere("vocab.txt") ? "vocab.txt" : null);

    public static Tokenizer Load(string folder)
    {
        string? file = MainFile(name => File.Exists(Path.Combine(folder, name)));
        if (file == FastName) return TokenizerJson.Load(Path.Combine(folder, FastName));
        if (file is null)
        {
            string path = Path.Combine(folder, FastName);
            throw new TokenizerException(TokenizerFailure.Missing,
                $"{folder} has no tokenizer: neither {FastName} nor {string.Join(", ", SentencePieceNames)}, vocab.json with merges.txt, or vocab.txt.")
            { File = path };
        }

        RepositorySettings settings = RepositorySettings.Load(folder);
        string kind = KindOf(settings, file);
        return file switch
        {
            "vocab.txt" => WordPieceConverter.Convert(settings, kind),
            "vocab.json" => BpeConverter.Convert(settings, kind),
            _ => SentencePieceConverter.Convert(settings, kind, settings.PathOf(file)),
        };
    }

    private static string KindOf(RepositorySettings settings, string file)
    {
        string[] known = file switch { "vocab.txt" => WordPieceConverter.Classes, "vocab.json" => BpeConverter.Classes, _ => SentencePieceConverter.Classes };
        string? named = settings.TokenizerClass is null or "PreTrainedTokenizer" ? null : settings.TokenizerClass;
        string? kind = named ?? (settings.ModelType is string model ? ClassOfModel.GetValueOrDefault(model) : null);
        if (kind is not null && known.Contains(kind)) return kind;
        string path = settings.PathOf("tokenizer_config.json");
        string what = kind is null ? "does not tell which tokenizer_class reads it" : $"is for the tokenizer_class '{kind}', which this library does not know for such a file";
        throw new TokenizerException(TokenizerFailure.Unsupported,
            $"{settings.PathOf(file)} {what}. Give {path} one of {string.Join(", ", known)}, or add a {FastName}.")
        { File = path, JsonPath = "$.tokenizer_class" };
    }
}
