namespace LlmService.Tokenizers.Jinja;

/// <summary>The parameters and the body of a macro or a call block.</summary>
/// <param name="defaults">The values of the last parameters.</param>
internal sealed class MacroBody(string? name, IReadOnlyList<string> parameters, IReadOnlyList<Expression> defaults, IReadOnlyList<Statement> body, int offset)
{
    private readonly List<Slot> _slots = [];
    private Slot? _caller;
    private Slot? _kwargs;
    private Slot? _varargs;
    private ScopeEntry _entry = ScopeEntry.None;
    private Layout _layout = new(null);

    public string? Name => name;

    public IReadOnlyList<string> Parameters => parameters;

    public bool TakesNamed => _kwargs is not null;

    public bool TakesPositional => _varargs is not null;

    public bool TakesCaller { get; private set; }

    public IEnumerable<Node> Children => parameters.Select(p => (Node)new NameTarget(p, offset, isParameter: true)).Concat(defaults).Concat(body);

    public void Bind(Binding binding)
    {
        _layout = new Layout(binding.Scope.Layout);
        Scope scope = new(binding.Scope, _layout);
        foreach (string parameter in parameters) _slots.Add(scope.DeclareParameter(parameter));
        foreach (Node node in defaults.Concat<Node>(body)) node.Declare(scope);
        DeclareSpecial(scope);
        _entry = scope.Entry();
        Binding inner = Binding.Function(scope);
        foreach (Node node in defaults.Concat<Node>(body)) node.Bind(inner);
    }

    public StringValue Call(Arguments arguments, Activation outer)
    {
        Rendering rendering = outer.Rendering;
        Activation frame = new(_layout, outer, rendering);
        PassArguments(arguments, frame);
        _entry.Enter(frame);
        AddDefaults(frame);
        TextBuffer before = rendering.Capture();
        Statement.ExecuteAll(body, frame);
        StringValue text = rendering.Output.Build(rendering.AutoEscape);
        rendering.Output = before;
        return text;
    }

    private void DeclareSpecial(Scope scope)
    {
        HashSet<string> used = NameSearch.Undeclared(body, "caller", "kwargs", "varargs");
        if (used.Contains("caller"))
        {
            int at = IndexOf("caller");
            if (at >= 0 && at < parameters.Count - defaults.Count)
                throw new JinjaError(TemplateFailure.Syntax, "When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default.") { Offset = offset };
            if (at < 0) _caller = scope.DeclareParameter("caller");
            TakesCaller = true;
        }

        if (used.Contains("kwargs") && IndexOf("kwargs") < 0) _kwargs = scope.DeclareParameter("kwargs");
        if (used.Contains("varargs") && IndexOf("varargs") < 0) _varargs = scope.DeclareParameter("varargs");
    }

    private void PassArguments(Arguments arguments, Activation frame)
    {
        int given = Math.Min(arguments.Positional.Count, parameters.Count);
        for (int i = 0; i < given; i++) frame.Slots[_slots[i].Index] = arguments.Positional[i];
        DictValue more = new();
        Value? caller = null;
        foreach ((string key, Value value) in arguments.Named)
        {
            int at = IndexOf(key);
            if (at >= given) frame.Slots[_slots[at].Index] = value;
            else if (key == "caller" && _caller is not null) caller = value;
            else more.Set(key, value);
        }

        if (_caller is not null) frame.Slots[_caller.Index] = caller is null or NoneValue ? new UndefinedValue("No caller defined") : caller;
        if (_kwargs is not null) frame.Slots[_kwargs.Index] = more;
        else if (more.Count > 0) throw JinjaError.Type($"macro {Quoted} takes no keyword argument '{more.Entries[0].Key.ToText(frame.Rendering).Text}'");
        if (_varargs is not null) frame.Slots[_varargs.Index] = new TupleValue([.. arguments.Positional.Skip(parameters.Count)]);
        else if (arguments.Positional.Count > parameters.Count) throw JinjaError.Type($"macro {Quoted} takes not more than {parameters.Count} argument(s)");
    }

    private string Quoted => name is null ? "None" : $"'{name}'";

    private void AddDefaults(Activation frame)
    {
        int required = parameters.Count - defaults.Count;
        for (int i = 0; i < parameters.Count; i++)
        {
            frame.Slots[_slots[i].Index] ??= i < required
                ? new UndefinedValue($"parameter '{parameters[i]}' was not provided")
                : defaults[i - required].Evaluate(frame);
        }
    }

    private int IndexOf(string parameter)
    {
        for (int i = 0; i < parameters.Count; i++)
            if (parameters[i] == parameter) return i;
        return -1;
    }
}

/// <summary>A macro, or the body of a call block, as a value.</summary>
internal sealed class MacroValue(MacroBody body, Activation frame) : Value
{
    public override string TypeName => "Macro";

    public override bool IsCallable => true;

    public override void WriteRepr(ReprWriter writer) => writer.Write(body.Name is null ? "<Macro anonymous>" : $"<Macro '{body.Name}'>");

    public override Value? Attribute(string name, Rendering rendering) => name switch
    {
        "name" => body.Name is null ? NoneValue.Instance : new StringValue(body.Name),
        "arguments" => new TupleValue([.. body.Parameters.Select(p => new StringValue(p))]),
        "catch_kwargs" => BoolValue.Of(body.TakesNamed),
        "catch_varargs" => BoolValue.Of(body.TakesPositional),
        "caller" => BoolValue.Of(body.TakesCaller),
        "explicit_caller" => BoolValue.Of(body.Parameters.Contains("caller")),
        _ => null,
    };

    public override Value Call(Arguments arguments, Rendering rendering) => body.Call(arguments, frame);
}

/// <summary><c>{% macro name(…) %}…{% endmacro %}</c>.</summary>
internal sealed class MacroStatement(string name, MacroBody macro, int offset) : Statement(offset)
{
    private readonly NameTarget _target = new(name, offset);

    public override IEnumerable<Node> Children => macro.Children;

    public override void Declare(Scope scope) => scope.Store(name);

    public override void Bind(Binding binding)
    {
        _target.Bind(binding);
        macro.Bind(binding);
    }

    public override Flow Execute(Activation frame)
    {
        frame.Rendering.Step();
        _target.Assign(new MacroValue(macro, frame), frame);
        return Flow.Next;
    }
}

/// <summary><c>{% call macro(…) %}…{% endcall %}</c>: the macro can call the body.</summary>
internal sealed class CallStatement(CallExpression call, MacroBody body, int offset) : Statement(offset)
{
    public override IEnumerable<Node> Children => body.Children.Prepend(call);

    public override void Declare(Scope scope) => call.Declare(scope);

    public override void Bind(Binding binding)
    {
        call.Bind(binding);
        body.Bind(binding);
    }

    public override Flow Execute(Activation frame)
    {
        PrintStatement.Print(call.Evaluate(frame, new MacroValue(body, frame)), frame.Rendering);
        return Flow.Next;
    }
}

/// <summary><c>{% generation %}…{% endgeneration %}</c>: marks what an assistant wrote, and prints it.</summary>
internal sealed class GenerationStatement(MacroBody body, int offset) : Statement(offset)
{
    public override IEnumerable<Node> Children => body.Children;

    public override void Declare(Scope scope)
    {
    }

    public override void Bind(Binding binding) => body.Bind(binding);

    public override Flow Execute(Activation frame)
    {
        Rendering rendering = frame.Rendering;
        rendering.Step();
        rendering.EnterCall();
        StringValue text = body.Call(Arguments.None, frame);
        rendering.LeaveCall();
        rendering.Output.Append(text);
        return Flow.Next;
    }
}
