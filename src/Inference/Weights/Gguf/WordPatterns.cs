namespace LlmService.Inference.Weights.Gguf;

/// <summary>How byte-level vocabularies cut words, by the names that <c>tokenizer.ggml.pre</c> has for it.</summary>
/// <param name="Patterns">Regular expressions, one after the other.</param>
internal sealed record WordPatterns(params string[] Patterns)
{
    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string Llama3 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Qwen2 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Tekken =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|" +
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Gpt4O =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|" +
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|" +
        @"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string DeepSeek3 =
        @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>A word that is a token is taken whole.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>The begin token comes before every text, unless the file says otherwise.</summary>
    public bool AddBos { get; init; }

    /// <summary>Texts are composed (NFC) first, as the tokenizer that was converted does.</summary>
    public bool Compose { get; init; }

    /// <summary>The names that are known.</summary>
    public const string Known = "default, llama-bpe, qwen2, gpt-2, smollm, starcoder, refact, command-r, tekken, gpt-4o, llama4, deepseek-v3, deepseek-r1-qwen, stablelm2, dbrx, smaug-bpe";

    /// <summary>The patterns of a name; null when it is not known.</summary>
    public static WordPatterns? Find(string name) => name switch
    {
        "llama3" or "llama-v3" or "llama-bpe" or "falcon3" or "falcon-h1" or "pixtral" or "midm-2.0" or "lfm2" => new(Llama3) { IgnoreMerges = true, AddBos = true },
        "dbrx" or "smaug-bpe" or "chatglm-bpe" => new(Llama3),
        "qwen2" => new(Qwen2) { Compose = true },
        "deepseek-r1-qwen" or "stablelm2" or "megrez" or "kormo" => new(Qwen2),
        "gpt-2" or "phi-2" or "mpt" or "olmo" or "roberta-bpe" => new(Gpt2),
        "smollm" or "starcoder" or "refact" or "command-r" or "codeshell" or "exaone" or "minerva-7b" => new(@"\p{N}", Gpt2),
        "tekken" => new(Tekken) { IgnoreMerges = true, AddBos = true },
        "gpt-4o" or "llama4" => new(Gpt4O),
        "deepseek-v3" => new(@"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DeepSeek3),
        "default" => new(@"[\p{P}\$\+<=>\^~\|]+", Gpt2, @"\p{N}+", "[0-9][0-9][0-9]"),
        _ => null,
    };
}
