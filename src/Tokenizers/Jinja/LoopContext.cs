namespace LlmService.Tokenizers.Jinja;

/// <summary>The variable <c>loop</c>.</summary>
/// <param name="knownLength">The length of what is iterated; -1 when only iterating tells.</param>
/// <param name="recurse">Runs a recursive loop once more.</param>
internal sealed class LoopContext(int knownLength, IEnumerator<Value> iterator, Func<Value, Value>? recurse, int depth) : Value
{
    private IEnumerator<Value> _iterator = iterator;
    private int _length = knownLength;
    private int _index = -1;
    private Value? _before;
    private Value? _after;
    private TupleValue? _lastChanged;

    public Value Current { get; private set; } = NoneValue.Instance;

    public override string TypeName => "LoopContext";

    public override bool IsCallable => true;

    public override int Count => _length >= 0 ? _length : Measure();

    public override bool Truth => Count > 0;

    public override void WriteRepr(ReprWriter writer) => writer.Write($"<LoopContext {_index + 1}/{Count}>");

    public bool MoveNext()
    {
        if (Peek() is not { } next) return false;
        _after = null;
        _before = _index < 0 ? null : Current;
        Current = next;
        _index++;
        return true;
    }

    public override Value? Attribute(string name, Rendering rendering) => name switch
    {
        "index" => IntValue.Of(_index + 1),
        "index0" => IntValue.Of(_index),
        "first" => BoolValue.Of(_index == 0),
        "last" => BoolValue.Of(Peek() is null),
        "length" => IntValue.Of(Count),
        "revindex" => IntValue.Of(Count - _index),
        "revindex0" => IntValue.Of(Count - _index - 1),
        "previtem" => _before ?? new UndefinedValue("there is no previous item"),
        "nextitem" => Peek() ?? new UndefinedValue("there is no next item"),
        "depth" => IntValue.Of(depth + 1),
        "depth0" => IntValue.Of(depth),
        "cycle" => new BuiltinFunction("cycle", (_, a) => Cycle(a)),
        "changed" => new BuiltinFunction("changed", (_, a) => Changed(a)),
        _ => null,
    };

    public override Value Call(Arguments arguments, Rendering rendering)
    {
        Value iterable = arguments.Bind("loop", "iterable")[0]!;
        return (recurse ?? throw JinjaError.Type("The loop must have the 'recursive' marker to be called recursively."))(iterable);
    }

    private Value? Peek() => _after ??= _iterator.MoveNext() ? _iterator.Current : null;

    private int Measure()
    {
        List<Value> rest = [];
        while (_iterator.MoveNext()) rest.Add(_iterator.Current);
        _iterator = rest.GetEnumerator();
        return _length = rest.Count + _index + 1 + (_after is null ? 0 : 1);
    }

    private Value Cycle(Arguments arguments) => arguments.PositionalOnly("cycle").Positional is { Count: > 0 } items
        ? items[_index % items.Count]
        : throw JinjaError.Type("no items for cycling given");

    private BoolValue Changed(Arguments arguments)
    {
        TupleValue value = new(arguments.PositionalOnly("changed").Positional);
        if (_lastChanged is not null && _lastChanged.IsEqual(value)) return BoolValue.False;
        _lastChanged = value;
        return BoolValue.True;
    }
}
