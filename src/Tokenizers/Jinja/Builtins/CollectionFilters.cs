using System.Numerics;

namespace LlmService.Tokenizers.Jinja.Builtins;

/// <summary>Filters of lists, dicts and whatever can be iterated.</summary>
internal static class CollectionFilters
{
    public static IReadOnlyList<Filter> All { get; } =
    [
        new("default", ["default_value?", "boolean?"], (v, a, _, _) => v is UndefinedValue || ((a[1]?.Truth ?? false) && !v.Truth) ? a[0] ?? StringValue.Empty : v),
        new("length", [], (v, _, _, _) => v.Count >= 0 ? IntValue.Of(v.Count) : throw JinjaError.Type($"object of type '{v.TypeName}' has no len()")),
        new("list", [], (v, _, _, r) => new ListValue([.. v.Elements(r)])),
        new("items", [], (v, _, _, r) => Items(v)),
        new("first", [], (v, _, _, r) => First(v, r)),
        new("last", [], (v, _, _, r) => Last(v, r)),
        new("random", [], (_, _, _, _) => throw JinjaError.Unsupported("'random' is not supported: the same conversation has to give the same prompt")),
        new("join", ["d?", "attribute?"], (v, a, _, r) => Join(v, a, r)),
        new("reverse", [], (v, _, _, r) => Reverse(v, r)),
        new("sort", ["reverse?", "case_sensitive?", "attribute?"], (v, a, _, r) => Sort(v, a, r)),
        new("dictsort", ["case_sensitive?", "by?", "reverse?"], (v, a, _, r) => DictSort(v, a, r)),
        new("unique", ["case_sensitive?", "attribute?"], (v, a, _, r) => new GeneratorValue(Unique(v, AttributePath.Of(a[1], Sensitive(a[0])), r))),
        new("min", ["case_sensitive?", "attribute?"], (v, a, _, r) => Extreme(v, a, r, isMax: false)),
        new("max", ["case_sensitive?", "attribute?"], (v, a, _, r) => Extreme(v, a, r, isMax: true)),
        new("sum", ["attribute?", "start?"], (v, a, _, r) => Sum(v, a, r)),
        new("batch", ["linecount", "fill_with?"], (v, a, _, r) => new GeneratorValue(Batch(v, a, r))),
        new("slice", ["slices", "fill_with?"], (v, a, _, r) => new GeneratorValue(Slice(v, a, r))),
        new("groupby", ["attribute", "default?", "case_sensitive?"], (v, a, _, r) => GroupBy(v, a, r)),
        new("attr", ["name"], (v, a, _, r) => Attr(v, a[0]!, r)),
    ];

    private static bool Sensitive(Value? flag) => flag?.Truth ?? false;

    private static GeneratorValue Items(Value value) => new(Pairs(value));

    // As in the reference, what cannot have items is found out by whoever asks for the first.
    private static IEnumerable<Value> Pairs(Value value)
    {
        if (value is UndefinedValue) yield break;
        if (value is not DictValue dict) throw JinjaError.Type("Can only get item pairs from a mapping.");
        foreach (Value pair in dict.Pairs) yield return pair;
    }

    private static Value First(Value value, Rendering rendering)
    {
        foreach (Value item in value.Elements(rendering)) return item;
        return new UndefinedValue("No first item, sequence was empty.");
    }

    private static Value Last(Value value, Rendering rendering)
    {
        if (Reversed(value, rendering) is not { } reversed) throw JinjaError.Type($"'{value.TypeName}' object is not reversible");
        foreach (Value item in reversed) return item;
        return new UndefinedValue("No last item, sequence was empty.");
    }

    /// <summary>Python's <c>reversed</c>; null where it raises.</summary>
    private static IEnumerable<Value>? Reversed(Value value, Rendering rendering) => value switch
    {
        StringValue text => Enumerable.Range(0, text.Count).Select(i => (Value)text.At(text.Count - 1 - i)),
        SequenceValue sequence => Enumerable.Range(0, sequence.Count).Select(i => sequence.Items[sequence.Count - 1 - i]),
        RangeValue range => Enumerable.Range(0, range.Count).Select(i => (Value)range.At(range.Count - 1 - i)),
        DictValue dict => dict.Keys.Reverse(),
        DictViewValue view => view.Items.Reverse(),
        UndefinedValue => [],
        _ => null,
    };

    private static Value Reverse(Value value, Rendering rendering)
    {
        if (value is StringValue text) return Operators.Slice(text, null, null, IntValue.Of(-1), rendering);
        if (Reversed(value, rendering) is { } reversed) return new GeneratorValue(value is ListValue ? "list_reverseiterator" : "reversed", reversed.GetEnumerator());
        List<Value> items = [.. value.Elements(rendering)];
        items.Reverse();
        return new ListValue(items);
    }

    private static StringValue Join(Value value, Value?[] arguments, Rendering rendering)
    {
        StringValue separator = arguments[0]?.ToText(rendering) ?? StringValue.Empty;
        IEnumerable<Value> items = value.Elements(rendering);
        if (arguments[1] is not (null or NoneValue))
        {
            AttributePath path = AttributePath.Of(arguments[1], isSensitive: true);
            items = items.Select(i => path.Get(i, rendering));
        }

        List<StringValue> texts = [.. items.Select(i => i.ToText(rendering))];
        bool isMarkup = rendering.AutoEscape && (separator.IsMarkup || texts.Exists(t => t.IsMarkup));
        TextBuffer buffer = new(rendering);
        for (int i = 0; i < texts.Count; i++)
        {
            if (i > 0) buffer.Append(isMarkup ? Markup.Escape(separator, rendering) : separator);
            buffer.Append(isMarkup ? Markup.Escape(texts[i], rendering) : texts[i]);
        }

        return buffer.Build(isMarkup);
    }

    private static ListValue Sort(Value value, Value?[] arguments, Rendering rendering)
    {
        AttributePath[] paths = AttributePath.Several(arguments[2], Sensitive(arguments[1]));
        return new ListValue(Sorting.Sort(value.Elements(rendering), i => new ListValue([.. paths.Select(p => p.Get(i, rendering))]), arguments[0]?.Truth ?? false, rendering));
    }

    private static ListValue DictSort(Value value, Value?[] arguments, Rendering rendering)
    {
        string by = arguments[1] is null ? "key" : arguments[1] is StringValue text ? text.Text : "";
        if (by is not ("key" or "value")) throw JinjaError.Value("You can only sort by either \"key\" or \"value\"");
        if (value is UndefinedValue undefined) throw undefined.Error();
        if (value is not DictValue dict) throw JinjaError.Type($"'{value.TypeName}' object has no attribute 'items'");
        bool isSensitive = Sensitive(arguments[0]);
        return new ListValue(Sorting.Sort(dict.Pairs, p => AttributePath.Fold(((TupleValue)p).Items[by == "key" ? 0 : 1], isSensitive), arguments[2]?.Truth ?? false, rendering));
    }

    private static IEnumerable<Value> Unique(Value value, AttributePath path, Rendering rendering)
    {
        HashSet<Value> seen = new(ValueComparer.Instance);
        foreach (Value item in value.Elements(rendering))
        {
            Value key = path.Get(item, rendering);
            if (!key.IsHashable) throw JinjaError.Type($"unhashable type: '{key.TypeName}'");
            if (seen.Add(key)) yield return item;
        }
    }

    private static Value Extreme(Value value, Value?[] arguments, Rendering rendering, bool isMax)
    {
        AttributePath path = AttributePath.Of(arguments[1], Sensitive(arguments[0]));
        Value? best = null;
        Value? bestKey = null;
        foreach (Value item in value.Elements(rendering))
        {
            Value key = path.Get(item, rendering);
            if (bestKey is not null && !(isMax ? Operators.IsLess(bestKey, key) : Operators.IsLess(key, bestKey))) continue;
            (best, bestKey) = (item, key);
        }

        return best ?? new UndefinedValue("No aggregated item, sequence was empty.");
    }

    private static Value Sum(Value value, Value?[] arguments, Rendering rendering)
    {
        Value total = arguments[1] ?? IntValue.Of(0);
        if (total is StringValue) throw JinjaError.Type("sum() can't sum strings [use ''.join(seq) instead]");
        AttributePath path = AttributePath.Of(arguments[0], isSensitive: true);
        foreach (Value item in value.Elements(rendering)) total = Operators.Add(total, path.Get(item, rendering), rendering);
        return total;
    }

    private static IEnumerable<Value> Batch(Value value, Value?[] arguments, Rendering rendering)
    {
        BigInteger size = Globals.Whole(arguments[0]!);
        List<Value> row = [];
        foreach (Value item in value.Elements(rendering))
        {
            if (row.Count == size)
            {
                yield return new ListValue(row);
                row = [];
            }

            row.Add(item);
        }

        if (row.Count == 0) yield break;
        if (arguments[1] is not (null or NoneValue) && row.Count < size)
        {
            rendering.Steps((long)BigInteger.Min(size, long.MaxValue));
            while (row.Count < size) row.Add(arguments[1]!);
        }

        yield return new ListValue(row);
    }

    private static IEnumerable<Value> Slice(Value value, Value?[] arguments, Rendering rendering)
    {
        Value[] items = [.. value.Elements(rendering)];
        int slices = Globals.Int32(arguments[0]!);
        if (slices == 0) throw JinjaError.Value("integer division or modulo by zero");
        (int each, int extra) = slices > 0 ? Math.DivRem(items.Length, slices) : (0, 0);
        for (int slice = 0, start = 0; slice < slices; slice++)
        {
            rendering.Step();
            int end = start + each + (slice < extra ? 1 : 0);
            List<Value> part = [.. items[start..end]];
            if (arguments[1] is not (null or NoneValue) && slice >= extra) part.Add(arguments[1]!);
            start = end;
            yield return new ListValue(part);
        }
    }

    private static ListValue GroupBy(Value value, Value?[] arguments, Rendering rendering)
    {
        AttributePath path = AttributePath.Of(arguments[0], Sensitive(arguments[2]), arguments[1]);
        List<(Value Key, List<Value> Items)> groups = [];
        foreach (Value item in Sorting.Sort(value.Elements(rendering), i => path.Get(i, rendering), reverse: false, rendering))
        {
            Value key = path.Get(item, rendering);
            if (groups.Count > 0 && groups[^1].Key.IsEqual(key)) groups[^1].Items.Add(item);
            else groups.Add((key, [item]));
        }

        AttributePath shown = AttributePath.Of(arguments[0], isSensitive: true, arguments[1]);
        return new ListValue([.. groups.Select(g => new GroupValue(shown.Get(g.Items[0], rendering), new ListValue(g.Items)))]);
    }

    private static Value Attr(Value value, Value name, Rendering rendering) =>
        Members.FindAttribute(value, StringMethods.Text(name).Text, rendering) ?? UndefinedValue.Member(value, name);
}
