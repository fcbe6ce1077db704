namespace LlmService.Tokenizers.Jinja;

/// <summary>What a rendering may cost. Templates come with models and are not trusted.</summary>
internal sealed record TemplateLimits
{
    public static TemplateLimits Default { get; } = new();

    /// <summary>Characters of a template's source.</summary>
    public int SourceLength { get; init; } = 1 << 20;

    /// <summary>How deep expressions and statements may nest in each other.</summary>
    public int Nesting { get; init; } = 100;

    /// <summary>How deep calls of macros and recursive loops may nest.</summary>
    public int CallDepth { get; init; } = 200;

    /// <summary>Evaluated nodes and touched elements.</summary>
    public long Steps { get; init; } = 10_000_000;

    /// <summary>Characters of any one text.</summary>
    public int TextLength { get; init; } = 16 << 20;

    /// <summary>Characters of all texts that are made on the way, together.</summary>
    public long AllText { get; init; } = 256L << 20;
}
