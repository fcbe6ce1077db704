namespace LlmService.Tokenizers.Jinja;

internal enum TokenKind
{
    Data,
    BlockBegin,
    BlockEnd,
    VariableBegin,
    VariableEnd,
    Name,
    Text,
    Integer,
    Float,
    Operator,
    End,
}

/// <summary>A piece of a template's source.</summary>
/// <param name="Text">The data, the name, the unescaped text, the digits, the operator.</param>
/// <param name="Offset">Where it starts.</param>
internal readonly record struct JinjaToken(TokenKind Kind, string Text, int Offset)
{
    public bool Is(string op) => Kind == TokenKind.Operator && Text == op;

    public bool IsName(string name) => Kind == TokenKind.Name && Text == name;

    public string Describe() => Kind switch
    {
        TokenKind.End => "the end of the template",
        TokenKind.BlockBegin => "the begin of a statement",
        TokenKind.BlockEnd => "the end of a statement",
        TokenKind.VariableBegin => "the begin of a print statement",
        TokenKind.VariableEnd => "the end of a print statement",
        TokenKind.Data => "template text",
        _ => $"'{Text}'",
    };
}
