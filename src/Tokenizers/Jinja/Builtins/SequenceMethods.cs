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
        "append" or "reverse" or "insert" or "sort" or "extend" or "remove" or "clear" or "pop" when sequence is ListValue => Members.Mutating,
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
