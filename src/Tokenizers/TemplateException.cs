namespace LlmService.Tokenizers;

/// <summary>Why a template could not be read or rendered.</summary>
public enum TemplateFailure
{
    /// <summary>The template does not compile.</summary>
    Syntax,

    /// <summary>The template called <c>raise_exception</c>: it does not accept these messages.</summary>
    Raised,

    /// <summary>An undefined value was used where a value is needed.</summary>
    Undefined,

    /// <summary>An operation met a value of a type that it does not take.</summary>
    Type,

    /// <summary>An operation met a value that it does not take: a wrong argument, a division by zero, a missing key.</summary>
    Value,

    /// <summary>The sandbox does not allow it.</summary>
    Security,

    /// <summary>The template, its work or its output is larger than the limits allow.</summary>
    Limit,

    /// <summary>The template asks for something that this library does not do, such as <c>include</c>.</summary>
    Unsupported,
}

/// <summary>A template cannot be read or rendered.</summary>
public sealed class TemplateException(TemplateFailure failure, string template, int line, int column, string reason, Exception? innerException = null)
    : Exception($"{template}, line {line}, column {column}: {reason}", innerException)
{
    /// <summary>Why.</summary>
    public TemplateFailure Failure { get; } = failure;

    /// <summary>The name of the template, such as <c>chat_template.jinja</c>.</summary>
    public string Template { get; } = template;

    /// <summary>The line, counted from 1.</summary>
    public int Line { get; } = line;

    /// <summary>The column in UTF-16 units, counted from 1.</summary>
    public int Column { get; } = column;

    /// <summary>What is wrong, without the place; what the template said, where it called <c>raise_exception</c>.</summary>
    public string Reason { get; } = reason;
}
