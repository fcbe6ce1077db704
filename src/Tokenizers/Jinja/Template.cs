namespace LlmService.Tokenizers.Jinja;

/// <summary>A parsed Jinja template, with the semantics that Hugging Face templates get. Immutable; safe for concurrent use.</summary>
internal sealed class Template
{
    private readonly string _source;
    private readonly IReadOnlyList<Statement> _body;
    private readonly Dictionary<string, BlockStatement> _blocks = new(StringComparer.Ordinal);
    private readonly Layout _layout = new(null);
    private readonly ScopeEntry _entry;
    private readonly Slot? _self;

    private Template(string name, string source, IReadOnlyList<Statement> body)
    {
        Name = name;
        _source = source;
        _body = body;
        CollectBlocks(body);
        Scope scope = new(null, _layout);
        if (NameSearch.Undeclared(body, "self").Count > 0) _self = scope.DeclareParameter("self");
        foreach (Statement statement in body) statement.Declare(scope);
        _entry = scope.Entry();
        Binding binding = new(scope, IsSoft: false, IsTopLevel: true, IsInLoop: false);
        foreach (Statement statement in body) statement.Bind(binding);
        foreach (BlockStatement block in _blocks.Values) block.BindBody();
    }

    /// <summary>For messages.</summary>
    public string Name { get; }

    public bool HasBlocks => _blocks.Count > 0;

    /// <exception cref="TemplateException">The template does not compile.</exception>
    public static Template Parse(string source, string name, TemplateLimits limits)
    {
        if (source.Length > limits.SourceLength)
            throw new TemplateException(TemplateFailure.Limit, name, 1, 1, $"the template is longer than {limits.SourceLength} characters");
        source = Lexer.Normalize(source);
        try
        {
            return new Template(name, source, Parser.Parse(source, limits));
        }
        catch (JinjaError e)
        {
            throw At(e, name, source, e.Offset ?? 0);
        }
    }

    /// <summary>Renders, and gives the text with what of it is data.</summary>
    /// <exception cref="TemplateException">An error of the template, or a limit.</exception>
    public StringValue Render(IReadOnlyDictionary<string, Value> variables, DateTime now, TemplateLimits limits, CancellationToken cancellationToken)
    {
        Rendering rendering = new(this, variables, now, limits, cancellationToken);
        try
        {
            Activation frame = new(_layout, null, rendering);
            if (_self is not null) frame.Slots[_self.Index] = new SelfValue();
            _entry.Enter(frame);
            Statement.ExecuteAll(_body, frame);
            return rendering.Output.Build();
        }
        catch (JinjaError e)
        {
            throw At(e, Name, _source, e.Offset ?? rendering.Offset);
        }
    }

    public bool Mentions(string word) => _source.Contains(word, StringComparison.Ordinal);

    public BlockStatement? FindBlock(string name) => _blocks.GetValueOrDefault(name);

    private void CollectBlocks(IEnumerable<Node> nodes)
    {
        foreach (Node node in nodes)
        {
            if (node is BlockStatement block && !_blocks.TryAdd(block.Name, block))
                throw new JinjaError(TemplateFailure.Syntax, $"block '{block.Name}' defined twice") { Offset = block.Offset };
            CollectBlocks(node.Children);
        }
    }

    private static TemplateException At(JinjaError error, string name, string source, int offset)
    {
        ReadOnlySpan<char> before = source.AsSpan(0, Math.Min(offset, source.Length));
        return new TemplateException(error.Failure, name, before.Count('\n') + 1, before.Length - before.LastIndexOf('\n'), error.Message, error);
    }
}
