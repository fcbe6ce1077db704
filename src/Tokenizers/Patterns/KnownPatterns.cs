using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Patterns;

/// <summary>The regular expressions that have scanners written by hand.</summary>
internal static class KnownPatterns
{
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    public const string Gpt2Short = @"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    public const string Llama3 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    public const string Cl100K = @"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+";
    public const string Qwen2 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    public const string Qwen35 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    public const string O200K =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|" +
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|" +
        @"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    public const string Tekken =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|" +
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    public const string DeepSeek3 =
        @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    public const string DeepSeek3Numbers = @"\p{N}{1,3}";
    public const string DeepSeek3Chinese = "[一-龥぀-ゟ゠-ヿ]+";
    public const string SpaceRun = " {2,}";

    public static readonly string[] All = [Gpt2, Gpt2Short, Llama3, Cl100K, Qwen2, Qwen35, O200K, Tekken, DeepSeek3, DeepSeek3Numbers, DeepSeek3Chinese, SpaceRun];

    public static TextPattern? Find(string source) => source.Replace("\\\"", "\"", StringComparison.Ordinal) switch
    {
        Gpt2 or Gpt2Short => new Gpt2Pattern(),
        Llama3 or Cl100K => new WordPattern(maxDigits: 3),
        Qwen2 => new WordPattern(maxDigits: 1),
        Qwen35 => new WordPattern(maxDigits: 1, marksAreLetters: true),
        O200K => new CasedWordPattern(maxDigits: 3, hasContractions: true),
        Tekken => new CasedWordPattern(maxDigits: 1, hasContractions: false),
        DeepSeek3 => new DeepSeekPattern(),
        DeepSeek3Numbers => new RunPattern(CodePoints.IsNumber, most: 3),
        DeepSeek3Chinese => new RunPattern(c => c is (>= 0x4E00 and <= 0x9FA5) or (>= 0x3040 and <= 0x30FF)),
        SpaceRun => new SpaceRunPattern(),
        _ => null,
    };
}
