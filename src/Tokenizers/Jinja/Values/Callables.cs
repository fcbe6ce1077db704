namespace LlmService.Tokenizers.Jinja;

/// <summary>A function of this library or a method bound to its value.</summary>
internal sealed class BuiltinFunction(string name, Func<Rendering, Arguments, Value> body, string kind = "builtin_function_or_method") : Value
{
    public override string TypeName => kind;

    public override bool IsCallable => true;

    public override void WriteRepr(ReprWriter writer) => writer.Write($"<built-in method {name}>");

    public override Value Call(Arguments arguments, Rendering rendering) => body(rendering, arguments);
}

/// <summary>A namespace: the one thing that templates can change.</summary>
internal sealed class NamespaceValue(DictValue attributes) : Value
{
    public override string TypeName => "Namespace";

    public DictValue Attributes => attributes;

    public void Set(string name, Value value) => attributes.Set(name, value);

    public override void WriteRepr(ReprWriter writer)
    {
        writer.Write("<Namespace ");
        writer.Write(attributes);
        writer.Write(">");
    }

    public override Value? Attribute(string name, Rendering rendering) => attributes.Get(name);
}

/// <summary>Gives its items in turn.</summary>
internal sealed class CyclerValue(IReadOnlyList<Value> items) : Value
{
    private int _position;

    public override string TypeName => "Cycler";

    public override void WriteRepr(ReprWriter writer) => writer.Write("<Cycler object>");

    public override Value? Attribute(string name, Rendering rendering) => name switch
    {
        "current" => items[_position],
        "items" => new TupleValue(items),
        "pos" => IntValue.Of(_position),
        "next" => new BuiltinFunction("next", (_, a) =>
        {
            a.Bind("next");
            Value current = items[_position];
            _position = (_position + 1) % items.Count;
            return current;
        }),
        "reset" => new BuiltinFunction("reset", (_, a) =>
        {
            a.Bind("reset");
            _position = 0;
            return NoneValue.Instance;
        }),
        _ => null,
    };
}

/// <summary>Gives nothing the first time and its separator after that.</summary>
internal sealed class JoinerValue(Value separator) : Value
{
    private bool _isUsed;

    public override string TypeName => "Joiner";

    public override bool IsCallable => true;

    public override void WriteRepr(ReprWriter writer) => writer.Write("<Joiner object>");

    public override Value? Attribute(string name, Rendering rendering) => name switch
    {
        "sep" => separator,
        "used" => BoolValue.Of(_isUsed),
        _ => null,
    };

    public override Value Call(Arguments arguments, Rendering rendering)
    {
        arguments.Bind("joiner");
        if (_isUsed) return separator;
        _isUsed = true;
        return StringValue.Empty;
    }
}
