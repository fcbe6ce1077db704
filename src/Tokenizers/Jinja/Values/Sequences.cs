using System.Numerics;

namespace LlmService.Tokenizers.Jinja;

/// <summary>A list or a tuple.</summary>
internal abstract class SequenceValue(IReadOnlyList<Value> items) : Value
{
    public IReadOnlyList<Value> Items { get; protected set; } = items;

    public override bool Truth => Items.Count > 0;

    public override int Count => Items.Count;

    /// <summary>A sequence of the same type.</summary>
    public abstract SequenceValue With(IReadOnlyList<Value> others);

    public override Value? Item(Value key, Rendering rendering) =>
        key is NumberValue { AsInteger: { } index } && Sequences.TryIndex(index, Items.Count, out int at) ? Items[at] : null;

    public override IEnumerator<Value> Iterate(Rendering rendering) => Items.GetEnumerator();

    public override bool IsEqual(Value other)
    {
        if (ReferenceEquals(this, other)) return true;
        if (other is not SequenceValue right || right.GetType() != GetType() || right.Count != Count) return false;
        Rendering.CheckStack();
        for (int i = 0; i < Items.Count; i++)
            if (!ReferenceEquals(Items[i], right.Items[i]) && !Items[i].IsEqual(right.Items[i])) return false;
        return true;
    }

    public override Value? Attribute(string name, Rendering rendering) => Builtins.SequenceMethods.Find(this, name);
}

/// <summary>A list.</summary>
internal sealed class ListValue(IReadOnlyList<Value> items) : SequenceValue(items)
{
    public static ListValue Empty { get; } = new([]);

    public override string TypeName => "list";

    public override bool IsHashable => false;

    public override SequenceValue With(IReadOnlyList<Value> others) => new ListValue(others);

    /// <summary>Sees what is taken out meanwhile, as in Python.</summary>
    public override IEnumerator<Value> Iterate(Rendering rendering)
    {
        for (int i = 0; i < Items.Count; i++) yield return Items[i];
    }

    /// <summary>Takes an item out. Whoever holds the items as they were keeps them.</summary>
    public Value RemoveAt(int index)
    {
        Value removed = Items[index];
        Items = [.. Items.Take(index), .. Items.Skip(index + 1)];
        return removed;
    }

    /// <summary>Takes all items out.</summary>
    public void Clear() => Items = [];

    public override void WriteRepr(ReprWriter writer) => writer.WriteItems('[', Items, ']');

    public override int Hash() => throw JinjaError.Type("unhashable type: 'list'");
}

/// <summary>A tuple.</summary>
internal class TupleValue(IReadOnlyList<Value> items) : SequenceValue(items)
{
    public override string TypeName => "tuple";

    public override bool IsHashable
    {
        get
        {
            Rendering.CheckStack();
            return Items.All(i => i.IsHashable);
        }
    }

    public override SequenceValue With(IReadOnlyList<Value> others) => new TupleValue(others);

    public override void WriteRepr(ReprWriter writer)
    {
        if (Items.Count != 1)
        {
            writer.WriteItems('(', Items, ')');
            return;
        }

        writer.Write("(");
        writer.Write(Items[0]);
        writer.Write(",)");
    }

    public override bool IsEqual(Value other) => other is TupleValue tuple && (GetType() == other.GetType() ? base.IsEqual(other) : Same(tuple));

    public override int Hash()
    {
        Rendering.CheckStack();
        HashCode hash = default;
        foreach (Value item in Items) hash.Add(item.Hash());
        return hash.ToHashCode();
    }

    private bool Same(TupleValue other) => new ListValue(Items).IsEqual(new ListValue(other.Items));
}

/// <summary>What groupby yields: a tuple with two names.</summary>
internal sealed class GroupValue(Value grouper, ListValue list) : TupleValue([grouper, list])
{
    public override Value? Attribute(string name, Rendering rendering) => name switch
    {
        "grouper" => Items[0],
        "list" => Items[1],
        _ => base.Attribute(name, rendering),
    };
}

/// <summary>A range.</summary>
internal sealed class RangeValue : Value
{
    private const int Longest = 100_000;
    private readonly BigInteger _start;
    private readonly BigInteger _stop;
    private readonly BigInteger _step;

    public RangeValue(BigInteger start, BigInteger stop, BigInteger step)
    {
        if (step.IsZero) throw JinjaError.Value("range() arg 3 must not be zero");
        (_start, _stop, _step) = (start, stop, step);
        BigInteger distance = step.Sign > 0 ? stop - start : start - stop;
        BigInteger count = distance.Sign <= 0 ? BigInteger.Zero : (distance + BigInteger.Abs(step) - 1) / BigInteger.Abs(step);
        if (count > Longest) throw JinjaError.Limit($"range too big: the sandbox allows {Longest} items");
        Count = (int)count;
    }

    public override string TypeName => "range";

    public override bool Truth => Count > 0;

    public override int Count { get; }

    public IntValue At(int index) => IntValue.Of(_start + index * _step);

    public RangeValue Slice(int first, int step, int count) => new(_start + first * _step, _start + ((BigInteger)first + (BigInteger)count * step) * _step, step * _step);

    public override void WriteRepr(ReprWriter writer) => writer.Write(_step.IsOne ? $"range({_start}, {_stop})" : $"range({_start}, {_stop}, {_step})");

    public override Value? Item(Value key, Rendering rendering) =>
        key is NumberValue { AsInteger: { } index } && Sequences.TryIndex(index, Count, out int at) ? At(at) : null;

    public override IEnumerator<Value> Iterate(Rendering rendering)
    {
        for (int i = 0; i < Count; i++) yield return At(i);
    }

    public override bool IsEqual(Value other) => other is RangeValue right && Count == right.Count
        && (Count == 0 || (_start == right._start && (Count == 1 || _step == right._step)));

    public override int Hash() => Count == 0 ? 0 : HashCode.Combine(Count, _start);

    public override Value? Attribute(string name, Rendering rendering) => name switch
    {
        "start" => IntValue.Of(_start),
        "stop" => IntValue.Of(_stop),
        "step" => IntValue.Of(_step),
        _ => Builtins.SequenceMethods.FindOfRange(this, name),
    };
}

/// <summary>A generator: yields each element once, whoever asks.</summary>
/// <param name="kind">The type's name.</param>
internal sealed class GeneratorValue(string kind, IEnumerator<Value> items) : Value
{
    public GeneratorValue(IEnumerable<Value> items)
        : this("generator", items.GetEnumerator())
    {
    }

    public override string TypeName => kind;

    public override void WriteRepr(ReprWriter writer) => writer.Write(kind == "generator" ? "<generator object>" : $"<{kind} object>");

    public override IEnumerator<Value> Iterate(Rendering rendering) => Rest();

    private IEnumerator<Value> Rest()
    {
        // Generators upon generators are as deep as the template made them.
        Rendering.CheckStack();
        while (items.MoveNext()) yield return items.Current;
    }
}

/// <summary>Indices and slices as Python counts them.</summary>
internal static class Sequences
{
    public static bool TryIndex(BigInteger index, int count, out int at)
    {
        BigInteger place = index.Sign < 0 ? index + count : index;
        bool isInside = place.Sign >= 0 && place < count;
        at = isInside ? (int)place : -1;
        return isInside;
    }

    /// <summary>The first index, the step and the number of elements of a slice.</summary>
    public static (int First, int Step, int Count) Resolve(Value? start, Value? stop, Value? step, int count)
    {
        BigInteger by = step is null or NoneValue ? BigInteger.One : Bound(step);
        if (by.IsZero) throw JinjaError.Value("slice step cannot be zero");
        bool forward = by.Sign > 0;
        int low = forward ? 0 : -1;
        int high = forward ? count : count - 1;
        int first = start is null or NoneValue ? (forward ? low : high) : Clamp(Bound(start), count, low, high);
        int last = stop is null or NoneValue ? (forward ? high : low) : Clamp(Bound(stop), count, low, high);
        int stride = (int)BigInteger.Clamp(by, -int.MaxValue, int.MaxValue);
        long distance = forward ? (long)last - first : (long)first - last;
        int length = distance <= 0 ? 0 : (int)((distance - 1) / Math.Abs((long)stride)) + 1;
        return (first, stride, length);
    }

    private static BigInteger Bound(Value value) => value is NumberValue { AsInteger: { } integer }
        ? integer
        : throw (value is UndefinedValue undefined ? undefined.Error() : JinjaError.Type("slice indices must be integers or None or have an __index__ method"));

    private static int Clamp(BigInteger index, int count, int low, int high)
    {
        if (index.Sign < 0) index += count;
        return (int)BigInteger.Clamp(index, low, high);
    }
}
