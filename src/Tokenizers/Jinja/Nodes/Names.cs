namespace LlmService.Tokenizers.Jinja;

/// <summary>A name that is read.</summary>
internal sealed class NameExpression(string name, int offset) : Expression(offset)
{
    private int _hops;
    private int _index;

    public string Name => name;

    public override IEnumerable<Node> Children => [];

    public override void Declare(Scope scope) => scope.Read(name);

    public override void Bind(Binding binding)
    {
        Slot slot = binding.SlotOf(name);
        (_hops, _index) = (binding.HopsTo(slot), slot.Index);
    }

    public override Value Evaluate(Activation frame)
    {
        frame.Rendering.Step();
        return frame.Ancestor(_hops).Slots[_index] ?? UndefinedValue.Name(name);
    }
}

/// <summary>What a value is assigned to.</summary>
internal abstract class Target(int offset) : Node(offset)
{
    public abstract void Assign(Value value, Activation frame);

    /// <summary>Another target of the same form, for another scope.</summary>
    public abstract Target Copy();

    /// <summary>Declares the names as given from outside, as a loop's are.</summary>
    public abstract void DeclareParameters(Scope scope);
}

/// <summary>A name that is set.</summary>
/// <param name="isParameter">Whether it is a parameter of a macro.</param>
internal sealed class NameTarget(string name, int offset, bool isParameter = false) : Target(offset)
{
    private int _index;
    private bool _isExported;

    public string Name => name;

    public bool IsParameter => isParameter;

    public override IEnumerable<Node> Children => [];

    public override void Declare(Scope scope) => scope.Store(name);

    public override void DeclareParameters(Scope scope) => scope.DeclareParameter(name);

    public override void Bind(Binding binding)
    {
        _index = binding.SlotOf(name).Index;
        _isExported = binding.IsTopLevel;
    }

    public override void Assign(Value value, Activation frame)
    {
        frame.Slots[_index] = value;
        if (_isExported && frame.Rendering.Template.HasBlocks) frame.Exported[name] = value;
    }

    public override Target Copy() => new NameTarget(name, Offset);
}

/// <summary>Several targets that share a value's elements.</summary>
internal sealed class TupleTarget(IReadOnlyList<Target> targets, int offset) : Target(offset)
{
    public override IEnumerable<Node> Children => targets;

    public override void DeclareParameters(Scope scope)
    {
        foreach (Target target in targets) target.DeclareParameters(scope);
    }

    public override void Assign(Value value, Activation frame)
    {
        if (value is SequenceValue sequence && sequence.Count == targets.Count)
        {
            for (int i = 0; i < targets.Count; i++) targets[i].Assign(sequence.Items[i], frame);
            return;
        }

        if (value.Iterate(frame.Rendering) is not { } iterator) throw JinjaError.Type($"cannot unpack non-iterable {value.TypeName} object");
        List<Value> items = [];
        while (items.Count <= targets.Count && iterator.MoveNext()) items.Add(iterator.Current);
        if (items.Count > targets.Count) throw JinjaError.Value($"too many values to unpack (expected {targets.Count})");
        if (items.Count < targets.Count) throw JinjaError.Value($"not enough values to unpack (expected {targets.Count}, got {items.Count})");
        for (int i = 0; i < targets.Count; i++) targets[i].Assign(items[i], frame);
    }

    public override Target Copy() => new TupleTarget([.. targets.Select(t => t.Copy())], Offset);
}

/// <summary>An attribute of a namespace.</summary>
internal sealed class NamespaceTarget(string name, string attribute, int offset) : Target(offset)
{
    private readonly NameExpression _namespace = new(name, offset);

    public override IEnumerable<Node> Children => [_namespace];

    public override void DeclareParameters(Scope scope) => Declare(scope);

    public override void Assign(Value value, Activation frame)
    {
        if (_namespace.Evaluate(frame) is not NamespaceValue ns) throw JinjaError.Type("cannot assign attribute on non-namespace object");
        ns.Set(attribute, value);
    }

    public override Target Copy() => new NamespaceTarget(name, attribute, Offset);
}
