namespace LlmService.Tokenizers.Jinja;

/// <summary><c>{% block name %}…{% endblock %}</c>: printed where it stands, and wherever <c>self.name()</c> says.</summary>
internal sealed class BlockStatement(string name, bool isScoped, bool isRequired, IReadOnlyList<Statement> body, int offset) : Statement(offset)
{
    private ScopeEntry _entry = ScopeEntry.None;
    private Layout _layout = new(null);
    private Slot? _self;
    private Slot? _super;
    private IReadOnlyList<(string Name, int Hops, int Index)> _locals = [];

    public string Name => name;

    public bool IsScoped => isScoped;

    public override IEnumerable<Node> Children => body;

    public override void Declare(Scope scope)
    {
    }

    public override void Bind(Binding binding)
    {
        if (isScoped) _locals = [.. binding.Scope.AllStores().Select(s => (s.Key, binding.HopsTo(s.Value), s.Value.Index))];
    }

    /// <summary>Binds the body, which sees no scope but its own.</summary>
    public void BindBody()
    {
        _layout = new Layout(null);
        Scope scope = new(null, _layout);
        HashSet<string> used = NameSearch.Undeclared(body, "self", "super");
        if (used.Contains("self")) _self = scope.DeclareParameter("self");
        if (used.Contains("super")) _super = scope.DeclareParameter("super");
        foreach (Statement statement in body) statement.Declare(scope);
        _entry = scope.Entry();
        Binding binding = new(scope, IsSoft: false, IsTopLevel: false, IsInLoop: false);
        foreach (Statement statement in body) statement.Bind(binding);
    }

    public override Flow Execute(Activation frame)
    {
        Rendering rendering = frame.Rendering;
        rendering.Step();
        rendering.Offset = Offset;
        if (isRequired) throw JinjaError.Value($"Required block '{name}' not found");
        Dictionary<string, Value> exported = rendering.Exported;
        rendering.Exported = frame.Exported;
        if (isScoped)
        {
            rendering.Exported = new(frame.Exported);
            foreach ((string local, int hops, int index) in _locals)
                if (frame.Ancestor(hops).Slots[index] is { } value) rendering.Exported[local] = value;
        }

        Print(rendering);
        rendering.Exported = exported;
        return Flow.Next;
    }

    public void Print(Rendering rendering)
    {
        rendering.EnterCall();
        Activation frame = new(_layout, null, rendering);
        if (_self is not null) frame.Slots[_self.Index] = new SelfValue();
        if (_super is not null) frame.Slots[_super.Index] = new UndefinedValue($"there is no parent block called '{name}'.");
        _entry.Enter(frame);
        ExecuteAll(body, frame);
        rendering.LeaveCall();
    }
}

/// <summary>The variable <c>self</c>: the blocks of the template.</summary>
internal sealed class SelfValue : Value
{
    public override string TypeName => "TemplateReference";

    public override void WriteRepr(ReprWriter writer) => writer.Write("<TemplateReference>");

    public override Value? Item(Value key, Rendering rendering)
    {
        if (key is not StringValue name || rendering.Template.FindBlock(name.Text) is not { } block) return null;
        return new BuiltinFunction(name.Text, (r, a) =>
        {
            a.Bind(name.Text);
            TextBuffer before = r.Capture();
            block.Print(r);
            StringValue text = r.Output.Build(r.AutoEscape);
            r.Output = before;
            return text;
        }, "BlockReference");
    }
}
