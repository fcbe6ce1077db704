namespace LlmService.Tokenizers.Jinja;

/// <summary><c>{% for %}</c>.</summary>
internal sealed class ForStatement(
    Target target, Expression iterable, Expression? test, bool isRecursive, IReadOnlyList<Statement> body, IReadOnlyList<Statement> otherwise, int offset)
    : Statement(offset)
{
    private readonly Target _testTarget = target.Copy();
    private ScopeEntry _entry = ScopeEntry.None;
    private ScopeEntry _otherwiseEntry = ScopeEntry.None;
    private ScopeEntry _testEntry = ScopeEntry.None;
    private Layout? _ownLayout;
    private Layout? _testLayout;
    private Slot? _loop;

    public override IEnumerable<Node> Children =>
        body.Concat(otherwise).Concat<Node>(test is null ? [] : [test]).Prepend(iterable).Prepend(target);

    // The body is no part of the scope around it.
    public override void Declare(Scope scope) => iterable.Declare(scope);

    public override void Bind(Binding binding)
    {
        iterable.Bind(binding);
        _ownLayout = isRecursive ? new Layout(binding.Scope.Layout) : null;
        Layout layout = _ownLayout ?? binding.Scope.Layout;
        BindBody(binding, layout);
        BindOtherwise(binding, layout);
        if (test is not null) BindTest(binding);
    }

    public override Flow Execute(Activation frame)
    {
        Rendering rendering = frame.Rendering;
        Value value = iterable.Evaluate(frame);
        rendering.Step();
        rendering.Offset = Offset;
        if (isRecursive)
        {
            PrintStatement.Print(Recurse(value, frame, 0), rendering);
            return Flow.Next;
        }

        return Run(value, frame, frame, null, 0);
    }

    private void BindBody(Binding binding, Layout layout)
    {
        Scope scope = new(binding.Scope, layout);
        if (Find(this, n => n is NameTarget { Name: "loop", IsParameter: false }) is { } assigned)
            throw new JinjaError(TemplateFailure.Syntax, "Can't assign to special loop variable in for-loop target") { Offset = assigned.Offset };
        bool needsLoop = isRecursive || NameSearch.Undeclared(body, "loop").Count > 0 || Find(this, n => n is BlockStatement { IsScoped: true }) is not null;
        if (needsLoop) _loop = scope.DeclareParameter("loop");
        target.DeclareParameters(scope);
        foreach (Statement statement in body) statement.Declare(scope);
        _entry = scope.Entry();
        Binding inner = binding.Inner(scope) with { IsInLoop = true };
        target.Bind(inner);
        foreach (Statement statement in body) statement.Bind(inner);
    }

    private void BindOtherwise(Binding binding, Layout layout)
    {
        Scope scope = new(binding.Scope, layout);
        foreach (Statement statement in otherwise) statement.Declare(scope);
        _otherwiseEntry = scope.Entry();
        Binding inner = binding.Inner(scope) with { IsInLoop = binding.IsInLoop && !isRecursive };
        foreach (Statement statement in otherwise) statement.Bind(inner);
    }

    private void BindTest(Binding binding)
    {
        _testLayout = new Layout(binding.Scope.Layout);
        Scope scope = new(binding.Scope, _testLayout);
        _testTarget.DeclareParameters(scope);
        test!.Declare(scope);
        _testEntry = scope.Entry();
        Binding inner = binding.Inner(scope);
        _testTarget.Bind(inner);
        test.Bind(inner);
    }

    /// <summary>Runs a recursive loop over a value, and gives what it prints.</summary>
    private StringValue Recurse(Value value, Activation outer, int depth)
    {
        Rendering rendering = outer.Rendering;
        rendering.EnterCall();
        TextBuffer before = rendering.Capture();
        Run(value, new Activation(_ownLayout!, outer, rendering), outer, v => Recurse(v, outer, depth + 1), depth);
        StringValue text = rendering.Output.Build(rendering.AutoEscape);
        rendering.Output = before;
        rendering.LeaveCall();
        return text;
    }

    private Flow Run(Value value, Activation frame, Activation outer, Func<Value, Value>? recurse, int depth)
    {
        Value source = test is null ? value : new GeneratorValue(Filter(value, outer));
        IEnumerator<Value> items = source.Iterate(frame.Rendering) ?? throw JinjaError.Type($"'{value.TypeName}' object is not iterable");
        // As in the reference, a body that is left early counts as not run.
        bool isRun = _loop is null ? RunPlain(items, frame) : RunWithLoop(source, items, frame, recurse, depth);
        if (isRun || otherwise.Count == 0) return Flow.Next;
        _otherwiseEntry.Enter(frame);
        return ExecuteAll(otherwise, frame);
    }

    private bool RunPlain(IEnumerator<Value> items, Activation frame)
    {
        bool isRun = false;
        while (items.MoveNext())
        {
            Flow flow = RunBody(items.Current, frame);
            if (flow == Flow.Break) break;
            isRun |= flow == Flow.Next;
        }

        return isRun;
    }

    private bool RunWithLoop(Value source, IEnumerator<Value> items, Activation frame, Func<Value, Value>? recurse, int depth)
    {
        bool isRun = false;
        LoopContext loop = new(source.Count, items, recurse, depth);
        while (loop.MoveNext())
        {
            frame.Slots[_loop!.Index] = loop;
            Flow flow = RunBody(loop.Current, frame);
            if (flow == Flow.Break) break;
            isRun |= flow == Flow.Next;
        }

        return isRun;
    }

    private Flow RunBody(Value item, Activation frame)
    {
        frame.Rendering.Step();
        target.Assign(item, frame);
        _entry.Enter(frame);
        return ExecuteAll(body, frame);
    }

    /// <summary>The elements for which the test holds: each is tested when the loop asks for it.</summary>
    private IEnumerable<Value> Filter(Value value, Activation outer)
    {
        Activation frame = new(_testLayout!, outer, outer.Rendering);
        _testEntry.Enter(frame);
        foreach (Value item in value.Elements(outer.Rendering))
        {
            _testTarget.Assign(item, frame);
            if (test!.Evaluate(frame).Truth) yield return item;
        }
    }

    private static Node? Find(Node node, Func<Node, bool> holds)
    {
        foreach (Node child in node.Children)
            if ((holds(child) ? child : Find(child, holds)) is { } found) return found;
        return null;
    }
}
