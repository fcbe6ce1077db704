namespace LlmService.Tokenizers.Jinja;

/// <summary>A value of a template, with the meaning that Python gives it.</summary>
internal abstract class Value
{
    /// <summary>The name of the type in Python's messages.</summary>
    public abstract string TypeName { get; }

    /// <summary>Whether it counts as true.</summary>
    public virtual bool Truth => true;

    /// <summary>What <c>len</c> gives; -1 when the value has no length.</summary>
    public virtual int Count => -1;

    public virtual bool IsCallable => false;

    /// <summary>Whether a dict takes it as a key.</summary>
    public virtual bool IsHashable => true;

    /// <summary>How Python prints it inside of other values.</summary>
    public abstract void WriteRepr(ReprWriter writer);

    /// <summary>How Python prints it.</summary>
    public virtual StringValue ToText(Rendering rendering) => ReprWriter.Repr(this, rendering);

    /// <summary>A Python attribute; null when the type has none of that name.</summary>
    public virtual Value? Attribute(string name, Rendering rendering) => null;

    /// <summary>What subscription gives; null where Python has a TypeError or LookupError.</summary>
    public virtual Value? Item(Value key, Rendering rendering) => null;

    /// <summary>Starts an iteration; null when the value cannot be iterated.</summary>
    public virtual IEnumerator<Value>? Iterate(Rendering rendering) => null;

    public virtual Value Call(Arguments arguments, Rendering rendering) => throw JinjaError.Type($"'{TypeName}' object is not callable");

    /// <summary>Python's <c>==</c>.</summary>
    public virtual bool IsEqual(Value other) => ReferenceEquals(this, other);

    /// <summary>A hash that equal values share.</summary>
    public virtual int Hash() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);

    /// <summary>The elements, or Python's error.</summary>
    public IEnumerable<Value> Elements(Rendering rendering)
    {
        IEnumerator<Value> iterator = Iterate(rendering) ?? throw JinjaError.Type($"'{TypeName}' object is not iterable");
        return Walk(iterator, rendering);
    }

    private static IEnumerable<Value> Walk(IEnumerator<Value> iterator, Rendering rendering)
    {
        while (iterator.MoveNext())
        {
            rendering.Step();
            yield return iterator.Current;
        }
    }
}

/// <summary>Compares values as Python's dicts do.</summary>
internal sealed class ValueComparer : IEqualityComparer<Value>
{
    public static ValueComparer Instance { get; } = new();

    public bool Equals(Value? x, Value? y) => ReferenceEquals(x, y) || (x is not null && y is not null && x.IsEqual(y));

    public int GetHashCode(Value obj) => obj.Hash();
}
