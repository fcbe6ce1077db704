namespace LlmService.Tokenizers.Jinja;

/// <summary>Text of the template.</summary>
internal sealed class TextStatement(string text, int offset) : Statement(offset)
{
    public string Text => text;

    public override IEnumerable<Node> Children => [];

    public override Flow Execute(Activation frame)
    {
        frame.Rendering.Step();
        frame.Rendering.Output.Append(text);
        return Flow.Next;
    }
}

/// <summary><c>{{ expression }}</c>.</summary>
internal sealed class PrintStatement(Expression expression, int offset) : Statement(offset)
{
    public override IEnumerable<Node> Children => [expression];

    public override Flow Execute(Activation frame)
    {
        Value value = expression.Evaluate(frame);
        frame.Rendering.Offset = Offset;
        Print(value, frame.Rendering);
        return Flow.Next;
    }

    public static void Print(Value value, Rendering rendering) =>
        rendering.Output.Append(rendering.AutoEscape ? Markup.Escape(value, rendering) : value.ToText(rendering));
}

/// <summary><c>{% if %}</c>.</summary>
internal sealed class IfStatement(IReadOnlyList<(Expression Test, IReadOnlyList<Statement> Body)> branches, IReadOnlyList<Statement> otherwise, int offset) : Statement(offset)
{
    public override IEnumerable<Node> Children => branches.SelectMany(b => b.Body.Prepend<Node>(b.Test)).Concat(otherwise);

    public override void Declare(Scope scope)
    {
        branches[0].Test.Declare(scope);
        Scope first = DeclareBranch(scope, branches[0].Body);
        Scope others = scope.Branch();
        foreach ((Expression test, IReadOnlyList<Statement> body) in branches.Skip(1)) new IfStatement([(test, body)], [], Offset).Declare(others);
        scope.Merge([first, others, DeclareBranch(scope, otherwise)]);
    }

    public override void Bind(Binding binding) => base.Bind(binding.Soft());

    public override Flow Execute(Activation frame)
    {
        frame.Rendering.Step();
        for (int i = 0; i < branches.Count; i++)
            if (branches[i].Test.Evaluate(frame).Truth) return ExecuteAll(branches[i].Body, frame);
        return ExecuteAll(otherwise, frame);
    }

    private static Scope DeclareBranch(Scope scope, IReadOnlyList<Statement> body)
    {
        Scope branch = scope.Branch();
        foreach (Statement statement in body) statement.Declare(branch);
        return branch;
    }
}

/// <summary><c>{% set target = value %}</c>.</summary>
internal sealed class SetStatement(Target target, Expression value, int offset) : Statement(offset)
{
    public override IEnumerable<Node> Children => [value, target];

    public override Flow Execute(Activation frame)
    {
        Value assigned = value.Evaluate(frame);
        frame.Rendering.Step();
        frame.Rendering.Offset = Offset;
        target.Assign(assigned, frame);
        return Flow.Next;
    }
}

/// <summary>A statement whose body has a scope of its own.</summary>
internal abstract class ScopedStatement(IReadOnlyList<Statement> body, int offset) : Statement(offset)
{
    private ScopeEntry _entry = ScopeEntry.None;

    protected IReadOnlyList<Statement> Body => body;

    /// <summary>Makes the scope of the body; it lives among the variables of what is around it.</summary>
    protected Binding BindBody(Binding binding, Action<Scope> declare)
    {
        Scope scope = new(binding.Scope, binding.Scope.Layout);
        declare(scope);
        foreach (Statement statement in body) statement.Declare(scope);
        _entry = scope.Entry();
        Binding inner = binding.Inner(scope);
        foreach (Statement statement in body) statement.Bind(inner);
        return inner;
    }

    protected Flow ExecuteBody(Activation frame) => ExecuteAll(body, frame);

    protected void Enter(Activation frame) => _entry.Enter(frame);

    /// <summary>Runs the body and takes what it prints.</summary>
    protected (Flow Flow, StringValue Text) Capture(Activation frame)
    {
        Rendering rendering = frame.Rendering;
        rendering.Step();
        Enter(frame);
        TextBuffer outer = rendering.Capture();
        Flow flow = ExecuteAll(body, frame);
        StringValue text = rendering.Output.Build(rendering.AutoEscape);
        rendering.Output = outer;
        return (flow, text);
    }
}

/// <summary><c>{% set target %}…{% endset %}</c>.</summary>
internal sealed class SetBlockStatement(Target target, FilterExpression? filter, IReadOnlyList<Statement> body, int offset) : ScopedStatement(body, offset)
{
    public override IEnumerable<Node> Children => filter is null ? Body.Prepend<Node>(target) : Body.Prepend<Node>(filter).Prepend(target);

    public override void Declare(Scope scope) => target.Declare(scope);

    public override void Bind(Binding binding)
    {
        target.Bind(binding);
        Binding inner = BindBody(binding, scope => filter?.Declare(scope));
        filter?.Bind(inner);
    }

    public override Flow Execute(Activation frame)
    {
        (Flow flow, StringValue text) = Capture(frame);
        if (flow != Flow.Next) return flow;
        Value value = filter is null ? text : filter.EvaluateOn(text, frame);
        frame.Rendering.Offset = Offset;
        if (frame.Rendering.AutoEscape) value = value.ToText(frame.Rendering).WithMarkup(true);
        target.Assign(value, frame);
        return Flow.Next;
    }
}

/// <summary><c>{% filter name %}…{% endfilter %}</c>.</summary>
internal sealed class FilterStatement(FilterExpression filter, IReadOnlyList<Statement> body, int offset) : ScopedStatement(body, offset)
{
    public override IEnumerable<Node> Children => Body.Append<Node>(filter);

    public override void Declare(Scope scope) => filter.Declare(scope);

    public override void Bind(Binding binding) => filter.Bind(BindBody(binding, _ => { }));

    public override Flow Execute(Activation frame)
    {
        (Flow flow, StringValue text) = Capture(frame);
        if (flow == Flow.Next) PrintStatement.Print(filter.EvaluateOn(text, frame), frame.Rendering);
        return flow;
    }
}

/// <summary><c>{% with a = 1 %}…{% endwith %}</c>.</summary>
internal sealed class WithStatement(IReadOnlyList<(Target Target, Expression Value)> assignments, IReadOnlyList<Statement> body, int offset) : ScopedStatement(body, offset)
{
    public override IEnumerable<Node> Children => assignments.SelectMany(a => (Node[])[a.Target, a.Value]).Concat(Body);

    public override void Declare(Scope scope)
    {
        foreach ((_, Expression value) in assignments) value.Declare(scope);
    }

    public override void Bind(Binding binding)
    {
        Binding inner = BindBody(binding, scope =>
        {
            foreach ((Target target, _) in assignments) target.DeclareParameters(scope);
        });
        foreach ((Target target, Expression value) in assignments)
        {
            target.Bind(inner);
            value.Bind(binding);
        }
    }

    public override Flow Execute(Activation frame)
    {
        frame.Rendering.Step();
        Enter(frame);
        foreach ((Target target, Expression value) in assignments) target.Assign(value.Evaluate(frame), frame);
        return ExecuteBody(frame);
    }
}

/// <summary><c>{% autoescape true %}…{% endautoescape %}</c>.</summary>
internal sealed class AutoEscapeStatement(Expression isOn, IReadOnlyList<Statement> body, int offset) : ScopedStatement(body, offset)
{
    public override IEnumerable<Node> Children => Body.Prepend<Node>(isOn);

    public override void Declare(Scope scope)
    {
    }

    public override void Bind(Binding binding) => isOn.Bind(BindBody(binding, isOn.Declare));

    public override Flow Execute(Activation frame)
    {
        Rendering rendering = frame.Rendering;
        rendering.Step();
        Enter(frame);
        bool before = rendering.AutoEscape;
        rendering.AutoEscape = isOn.Evaluate(frame).Truth;
        Flow flow = ExecuteBody(frame);
        rendering.AutoEscape = before;
        return flow;
    }
}

/// <summary><c>{% break %}</c>, <c>{% continue %}</c>.</summary>
internal sealed class JumpStatement(Flow flow, int offset) : Statement(offset)
{
    public override IEnumerable<Node> Children => [];

    public override void Bind(Binding binding)
    {
        if (!binding.IsInLoop) throw new JinjaError(TemplateFailure.Syntax, $"'{(flow == Flow.Break ? "break" : "continue")}' outside loop") { Offset = Offset };
    }

    public override Flow Execute(Activation frame)
    {
        frame.Rendering.Step();
        return flow;
    }
}

/// <summary>A statement that needs other templates, of which there are none.</summary>
internal sealed class LoaderStatement(string tag, IReadOnlyList<string> names, IReadOnlyList<Expression> expressions, int offset) : Statement(offset)
{
    public override IEnumerable<Node> Children => expressions;

    public override void Declare(Scope scope)
    {
        base.Declare(scope);
        foreach (string name in names) scope.Store(name);
    }

    public override Flow Execute(Activation frame)
    {
        frame.Rendering.Offset = Offset;
        throw JinjaError.Unsupported($"'{tag}' is not supported: a chat template stands alone, there are no other templates to load");
    }
}
