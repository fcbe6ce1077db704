namespace LlmService.Tokenizers.Jinja;

/// <summary>A dict: keeps the order of insertion. Templates cannot change it.</summary>
internal sealed class DictValue : Value
{
    private const int FewEntries = 8;
    private readonly List<KeyValuePair<Value, Value>> _entries = [];
    private Dictionary<Value, int>? _index;

    public override string TypeName => "dict";

    public override bool Truth => _entries.Count > 0;

    public override int Count => _entries.Count;

    public override bool IsHashable => false;

    public IReadOnlyList<KeyValuePair<Value, Value>> Entries => _entries;

    public IEnumerable<Value> Keys => _entries.Select(e => e.Key);

    public IEnumerable<Value> Values => _entries.Select(e => e.Value);

    public IEnumerable<Value> Pairs => _entries.Select(e => new TupleValue([e.Key, e.Value]));

    public void Set(Value key, Value value)
    {
        int at = Find(key);
        if (at >= 0)
        {
            _entries[at] = new(_entries[at].Key, value);
            return;
        }

        _entries.Add(new(key, value));
        if (_entries.Count > FewEntries) (_index ??= BuildIndex()).TryAdd(key, _entries.Count - 1);
    }

    public void Set(string key, Value value) => Set(new StringValue(key), value);

    /// <summary>The value of a key; null when there is none.</summary>
    public Value? Get(Value key) => Find(key) is int at and >= 0 ? _entries[at].Value : null;

    public Value? Get(string key)
    {
        if (_index is not null) return Get(new StringValue(key));
        foreach (KeyValuePair<Value, Value> entry in _entries)
            if (entry.Key is StringValue text && text.Text == key) return entry.Value;
        return null;
    }

    public DictValue Copy()
    {
        DictValue copy = new();
        foreach (KeyValuePair<Value, Value> entry in _entries) copy.Set(entry.Key, entry.Value);
        return copy;
    }

    public override void WriteRepr(ReprWriter writer) => writer.WriteEntries(_entries);

    public override Value? Attribute(string name, Rendering rendering) => Builtins.DictMethods.Find(this, name);

    public override Value? Item(Value key, Rendering rendering) => key.IsHashable ? Get(key) : null;

    public override IEnumerator<Value> Iterate(Rendering rendering) => Keys.GetEnumerator();

    public override bool IsEqual(Value other)
    {
        if (ReferenceEquals(this, other)) return true;
        if (other is not DictValue right || right.Count != Count) return false;
        Rendering.CheckStack();
        return _entries.TrueForAll(e => right.Get(e.Key) is { } value && (ReferenceEquals(value, e.Value) || value.IsEqual(e.Value)));
    }

    public override int Hash() => throw JinjaError.Type("unhashable type: 'dict'");

    private int Find(Value key)
    {
        if (_index is not null) return _index.GetValueOrDefault(key, -1);
        if (!key.IsHashable) throw JinjaError.Type($"unhashable type: '{key.TypeName}'");
        for (int i = 0; i < _entries.Count; i++)
            if (ReferenceEquals(_entries[i].Key, key) || _entries[i].Key.IsEqual(key)) return i;
        return -1;
    }

    private Dictionary<Value, int> BuildIndex()
    {
        Dictionary<Value, int> index = new(ValueComparer.Instance);
        for (int i = 0; i < _entries.Count; i++) index.TryAdd(_entries[i].Key, i);
        return index;
    }
}

/// <summary>What <c>keys()</c>, <c>values()</c> and <c>items()</c> of a dict give.</summary>
internal sealed class DictViewValue(string kind, DictValue dict, Func<DictValue, IEnumerable<Value>> items) : Value
{
    public override string TypeName => kind;

    public override bool Truth => dict.Count > 0;

    public override int Count => dict.Count;

    /// <summary>Whether the view is a set: keys and items are, values are not.</summary>
    public bool IsSet => kind != "dict_values";

    public IEnumerable<Value> Items => items(dict);

    public override bool IsHashable => !IsSet;

    public override void WriteRepr(ReprWriter writer)
    {
        writer.Write(kind);
        writer.Write("(");
        writer.WriteItems('[', [.. Items], ']');
        writer.Write(")");
    }

    public override IEnumerator<Value> Iterate(Rendering rendering) => Items.GetEnumerator();

    public override bool IsEqual(Value other) =>
        ReferenceEquals(this, other) || (IsSet && other is DictViewValue { IsSet: true } right && Count == right.Count && Items.All(i => right.Items.Any(i.IsEqual)));

    public override Value? Attribute(string name, Rendering rendering) => name switch
    {
        "mapping" => dict,
        "isdisjoint" when IsSet => new BuiltinFunction("isdisjoint", (r, a) =>
            BoolValue.Of(!a.Bind("isdisjoint", "other")[0]!.Elements(r).Any(o => Items.Any(o.IsEqual)))),
        _ => null,
    };
}
