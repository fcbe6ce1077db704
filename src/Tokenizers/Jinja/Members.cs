namespace LlmService.Tokenizers.Jinja;

/// <summary>Attributes and items of values, as the sandbox of the reference looks them up.</summary>
internal static class Members
{
    // Python's own; whoever asks for one that exists gets a security error on use.
    private static readonly StringValue Hidden = new("attribute");

    /// <summary><c>value.name</c>: the Python attribute, else the item.</summary>
    public static Value Attribute(Value value, string name, Rendering rendering)
    {
        if (FindAttribute(value, name, rendering) is { } attribute) return attribute;
        return (value is DictValue dict ? dict.Get(name) : value.Item(new StringValue(name), rendering)) ?? UndefinedValue.Member(value, new StringValue(name));
    }

    /// <summary><c>value[key]</c>: the item, else the Python attribute.</summary>
    public static Value Item(Value value, Value key, Rendering rendering)
    {
        if (value.Item(key, rendering) is { } item) return item;
        return (key is StringValue name ? FindAttribute(value, name.Text, rendering) : null) ?? UndefinedValue.Member(value, key);
    }

    /// <summary>The Python attribute; null when there is none; an undefined that refuses every use when it is not for templates.</summary>
    public static Value? FindAttribute(Value value, string name, Rendering rendering)
    {
        if (value is NamespaceValue ns) return ns.Attributes.Get(name) is { } own ? (name.StartsWith('_') ? Unsafe(value, name) : own) : null;
        if (name.StartsWith('_')) return IsPythonInternal(name) ? Unsafe(value, name) : null;
        return value.Attribute(name, rendering) is not { } attribute ? null : attribute == Hidden ? Unsafe(value, name) : attribute;
    }

    /// <summary>Stands for a method that would change its value.</summary>
    public static Value Mutating => Hidden;

    // Every Python object has these; the other special names depend on the type and are of no use to a template.
    private static bool IsPythonInternal(string name) => name is "__class__" or "__doc__" or "__init__" or "__eq__" or "__ne__" or "__hash__" or "__repr__"
        or "__str__" or "__dir__" or "__format__" or "__getattribute__" or "__reduce__" or "__reduce_ex__" or "__sizeof__" or "__new__" or "__subclasshook__"
        or "__init_subclass__" or "__setattr__" or "__delattr__" or "__lt__" or "__le__" or "__gt__" or "__ge__";

    private static UndefinedValue Unsafe(Value value, string name) =>
        new($"access to attribute '{name}' of '{value.TypeName}' object is unsafe.", TemplateFailure.Security);
}
