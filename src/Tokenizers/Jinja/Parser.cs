namespace LlmService.Tokenizers.Jinja;

/// <summary>Parses statements.</summary>
internal sealed class Parser
{
    private readonly TokenStream _tokens;
    private readonly ExpressionParser _expressions;
    private readonly Stack<string> _open = new();

    private Parser(TokenStream tokens)
    {
        _tokens = tokens;
        _expressions = new ExpressionParser(tokens);
    }

    /// <summary>Takes a normalized source.</summary>
    public static IReadOnlyList<Statement> Parse(string source, TemplateLimits limits)
    {
        TokenStream tokens = new(Lexer.Tokenize(source), limits.Nesting);
        return new Parser(tokens).ParseBody([]);
    }

    /// <summary>Parses until one of the tags, whose name is the current token then; without tags to the end.</summary>
    private List<Statement> ParseBody(string[] ends)
    {
        using TokenStream.Level level = _tokens.Enter();
        List<Statement> body = [];
        while (_tokens.Current.Kind != TokenKind.End)
        {
            JinjaToken token = _tokens.Next();
            switch (token.Kind)
            {
                case TokenKind.Data:
                    body.Add(new TextStatement(token.Text, token.Offset));
                    break;
                case TokenKind.VariableBegin:
                    body.Add(new PrintStatement(_expressions.ParseTuple(), token.Offset));
                    _tokens.Expect(TokenKind.VariableEnd);
                    break;
                default:
                    if (ends.Any(_tokens.Current.IsName)) return body;
                    ParseStatement(body, token.Offset, ends);
                    _tokens.Expect(TokenKind.BlockEnd);
                    break;
            }
        }

        return ends.Length == 0 ? body : throw _tokens.Error(
            $"Unexpected end of template. Looking for: {string.Join(", ", ends.Select(e => $"'{e}'"))}. The innermost block that needs to be closed is '{_open.Peek()}'.");
    }

    private void ParseStatement(List<Statement> body, int offset, string[] ends)
    {
        JinjaToken tag = _tokens.Current.Kind == TokenKind.Name ? _tokens.Next() : throw _tokens.Error("tag name expected");
        _open.Push(tag.Text);
        if (tag.Text == "print") ParsePrint(body, offset);
        else body.Add(ParseTag(tag, offset, ends));
        _open.Pop();
    }

    private Statement ParseTag(JinjaToken tag, int offset, string[] ends) => tag.Text switch
    {
        "if" => ParseIf(offset),
        "for" => ParseFor(offset),
        "set" => ParseSet(offset),
        "macro" => ParseMacro(offset),
        "call" => ParseCall(offset),
        "generation" => new GenerationStatement(new MacroBody(null, [], [], ParseBlock("endgeneration"), offset), offset),
        "filter" => new FilterStatement(_expressions.ParseFilters(null, startsInline: true)!, ParseBlock("endfilter"), offset),
        "with" => ParseWith(offset),
        "block" => ParseNamedBlock(offset),
        "autoescape" => new AutoEscapeStatement(_expressions.Parse(), ParseBlock("endautoescape"), offset),
        "break" => new JumpStatement(Flow.Break, offset),
        "continue" => new JumpStatement(Flow.Continue, offset),
        "include" or "extends" or "import" or "from" => ParseLoader(tag.Text, offset),
        _ => throw Unknown(tag, ends),
    };

    private static JinjaError Unknown(JinjaToken tag, string[] ends)
    {
        string looking = ends.Length == 0 ? "" : $" Looking for: {string.Join(", ", ends.Select(e => $"'{e}'"))}.";
        return new JinjaError(TemplateFailure.Syntax, $"Encountered unknown tag '{tag.Text}'.{looking}") { Offset = tag.Offset };
    }

    /// <summary>The body up to an end tag, which is taken.</summary>
    private List<Statement> ParseBlock(string end)
    {
        List<Statement> body = ParseUntil(end);
        _tokens.Next();
        return body;
    }

    /// <summary>The body up to one of the end tags.</summary>
    private List<Statement> ParseUntil(params string[] ends)
    {
        _tokens.Skip(":");
        _tokens.Expect(TokenKind.BlockEnd);
        return ParseBody(ends);
    }

    private void ParsePrint(List<Statement> body, int offset)
    {
        for (bool isFirst = true; _tokens.Current.Kind != TokenKind.BlockEnd; isFirst = false)
        {
            if (!isFirst) _tokens.Expect(",");
            body.Add(new PrintStatement(_expressions.Parse(), offset));
        }
    }

    private IfStatement ParseIf(int offset)
    {
        List<(Expression, IReadOnlyList<Statement>)> branches = [];
        List<Statement> otherwise = [];
        while (true)
        {
            Expression test = _expressions.ParseTuple(withConditional: false);
            branches.Add((test, ParseUntil("elif", "else", "endif")));
            string end = _tokens.Next().Text;
            if (end == "elif") continue;
            if (end == "else") otherwise = ParseBlock("endif");
            return new IfStatement(branches, otherwise, offset);
        }
    }

    private ForStatement ParseFor(int offset)
    {
        Target target = _expressions.ParseTarget(withNamespace: false);
        _tokens.ExpectName("in");
        Expression iterable = _expressions.ParseTuple(withConditional: false);
        Expression? test = _tokens.SkipName("if") ? _expressions.Parse() : null;
        bool isRecursive = _tokens.SkipName("recursive");
        List<Statement> body = ParseUntil("endfor", "else");
        List<Statement> otherwise = _tokens.Next().Text == "else" ? ParseBlock("endfor") : [];
        return new ForStatement(target, iterable, test, isRecursive, body, otherwise, offset);
    }

    private Statement ParseSet(int offset)
    {
        Target target = _expressions.ParseTarget(withNamespace: true);
        if (_tokens.Skip("=")) return new SetStatement(target, _expressions.ParseTuple(), offset);
        FilterExpression? filter = _expressions.ParseFilters(null, startsInline: false);
        return new SetBlockStatement(target, filter, ParseBlock("endset"), offset);
    }

    private MacroStatement ParseMacro(int offset)
    {
        string name = _expressions.ParseName();
        (List<string> parameters, List<Expression> defaults) = ParseSignature();
        return new MacroStatement(name, new MacroBody(name, parameters, defaults, ParseBlock("endmacro"), offset), offset);
    }

    private CallStatement ParseCall(int offset)
    {
        (List<string> parameters, List<Expression> defaults) = _tokens.Current.Is("(") ? ParseSignature() : ([], []);
        CallExpression call = _expressions.Parse() as CallExpression ?? throw _tokens.Error("expected call");
        return new CallStatement(call, new MacroBody(null, parameters, defaults, ParseBlock("endcall"), offset), offset);
    }

    private (List<string> Parameters, List<Expression> Defaults) ParseSignature()
    {
        List<string> parameters = [];
        List<Expression> defaults = [];
        _tokens.Expect("(");
        while (!_tokens.Current.Is(")"))
        {
            if (parameters.Count > 0) _tokens.Expect(",");
            string name = _expressions.ParseName();
            if (parameters.Contains(name)) throw _tokens.Error($"duplicate argument '{name}'");
            parameters.Add(name);
            if (_tokens.Skip("=")) defaults.Add(_expressions.Parse());
            else if (defaults.Count > 0) throw _tokens.Error("non-default argument follows default argument");
        }

        _tokens.Expect(")");
        return (parameters, defaults);
    }

    private WithStatement ParseWith(int offset)
    {
        List<(Target, Expression)> assignments = [];
        while (_tokens.Current.Kind != TokenKind.BlockEnd)
        {
            if (assignments.Count > 0) _tokens.Expect(",");
            Target target = _expressions.ParseTarget(withNamespace: false);
            _tokens.Expect("=");
            assignments.Add((target, _expressions.Parse()));
        }

        return new WithStatement(assignments, ParseBlock("endwith"), offset);
    }

    private BlockStatement ParseNamedBlock(int offset)
    {
        string name = _tokens.Expect(TokenKind.Name).Text;
        bool isScoped = _tokens.SkipName("scoped");
        bool isRequired = _tokens.SkipName("required");
        if (_tokens.Current.Is("-")) throw _tokens.Error("Block names in Jinja may not contain hyphens, use an underscore instead.");
        List<Statement> body = ParseBlock("endblock");
        if (isRequired && !body.TrueForAll(s => s is TextStatement text && text.Text.All(PythonText.IsSpace)))
            throw _tokens.Error("Required blocks can only contain comments or whitespace");
        _tokens.SkipName(name);
        return new BlockStatement(name, isScoped, isRequired, body, offset);
    }

    /// <summary>Parses what needs other templates; that there are none is an error when it is reached.</summary>
    private LoaderStatement ParseLoader(string tag, int offset)
    {
        List<Expression> expressions = [_expressions.Parse()];
        List<string> names = [];
        if (tag == "import")
        {
            _tokens.ExpectName("as");
            names.Add(_expressions.ParseName());
        }
        else if (tag == "from")
        {
            _tokens.ExpectName("import");
            ParseImports(names);
        }

        while (_tokens.Current.Kind == TokenKind.Name && tag is "include" or "import") SkipContext();
        return new LoaderStatement(tag, names, expressions, offset);
    }

    private void ParseImports(List<string> names)
    {
        do
        {
            if (IsContext()) break;
            string name = _expressions.ParseName();
            names.Add(_tokens.SkipName("as") ? _expressions.ParseName() : name);
        }
        while (!IsContext() && _tokens.Skip(","));
        if (IsContext()) SkipContext();
    }

    private bool IsContext() => (_tokens.Current.IsName("with") || _tokens.Current.IsName("without")) && _tokens.Peek().IsName("context");

    private void SkipContext()
    {
        bool isMissing = _tokens.Current.IsName("ignore") && _tokens.Peek().IsName("missing");
        if (!isMissing && !IsContext()) throw _tokens.Error($"unexpected {_tokens.Current.Describe()}");
        _tokens.Next();
        _tokens.Next();
    }
}
