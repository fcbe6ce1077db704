namespace LlmService.Tokenizers.Jinja.Builtins;

/// <summary>The methods of lists, tuples and ranges.</summary>
internal static class SequenceMethods
{
    public static Value? Find(SequenceValue sequence, string name) => name switch
    {
        "count" => new BuiltinFunction(name, (r, a) => Count(sequence, a, r)),
        "index" => new BuiltinFunction(name, (r, a) => Index(sequence, a, r)),
        "copy" when sequence is ListValue => new BuiltinFunction(name, (_, a) =>
        {
            a.Bind("copy");
            return new ListValue(sequence.Items);
        }),
        // The reference's sandbox overlooks these two; its later versions refuse them like the rest.
        "pop" when sequence is ListValue list => new BuiltinFunction(name, (r, a) => Pop(list, a, r)),
        "clear" when sequence is ListValue list => new BuiltinFunction(name, (_, a) =>
        {
            a.Bind("clear");
            list.Clear();
            return NoneValue.Instance;
        }),
        "append" or "reverse" or "insert" or "sort" or "extend" or "remove" when sequence is ListValue => Members.Mutating,
        _ => null,
    };

    public static Value? FindOfRange(RangeValue range, string name) => name is "count" or "index" ? new BuiltinFunction(name, (r, a) =>
    {
        ListValue list = new([.. range.Elements(r)]);
        return name == "count" ? Count(list, a, r) : Index(list, a, r);
    }) : null;

    private static IntValue Count(SequenceValue sequence, Arguments arguments, Rendering rendering)
    {
        Value sought = arguments.PositionalOnly("count").Bind("count", "value")[0]!;
        rendering.Steps(sequence.Count);
        return IntValue.Of(sequence.Items.Count(i => ReferenceEquals(i, sought) || i.IsEqual(sought)));
    }

    private static Value Pop(ListValue list, Arguments arguments, Rendering rendering)
    {
        Value index = arguments.PositionalOnly("pop").Bind("pop", "index?")[0] ?? IntValue.Of(-1);
        if (index is not NumberValue { AsInteger: { } place }) throw JinjaError.Type($"'{index.TypeName}' object cannot be interpreted as an integer");
        if (list.Count == 0) throw JinjaError.Value("pop from empty list");
        if (!Sequences.TryIndex(place, list.Count, out int at)) throw JinjaError.Value("pop index out of range");
        rendering.Steps(list.Count);
        return list.RemoveAt(at);
    }

    private static IntValue Index(SequenceValue sequence, Arguments arguments, Rendering rendering)
    {
        Value?[] bound = arguments.PositionalOnly("index").Bind("index", "value", "start?", "stop?");
        (int first, _, int count) = Sequences.Resolve(bound[1], bound[2], null, sequence.Count);
        rendering.Steps(count);
        for (int i = first; i < first + count; i++)
            if (ReferenceEquals(sequence.Items[i], bound[0]) || sequence.Items[i].IsEqual(bound[0]!)) return IntValue.Of(i);
        throw JinjaError.Value($"the value is not in {sequence.TypeName}");
    }
}
