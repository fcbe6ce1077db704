namespace LlmService.Tokenizers.Jinja;

/// <summary>An error in a template whose place is not known yet; never leaves this room.</summary>
internal sealed class JinjaError(TemplateFailure failure, string reason) : Exception(reason)
{
    public TemplateFailure Failure { get; } = failure;

    /// <summary>Where in the source, when it is known before the rendering.</summary>
    public int? Offset { get; init; }

    public static JinjaError Type(string reason) => new(TemplateFailure.Type, reason);

    public static JinjaError Value(string reason) => new(TemplateFailure.Value, reason);

    public static JinjaError Limit(string reason) => new(TemplateFailure.Limit, reason);

    public static JinjaError Unsupported(string reason) => new(TemplateFailure.Unsupported, reason);

    /// <summary>A Python type error for an operator.</summary>
    public static JinjaError Operands(string op, Value left, Value right) =>
        Type($"unsupported operand type(s) for {op}: '{left.TypeName}' and '{right.TypeName}'");
}
