namespace LlmService.Tokenizers.Jinja.Builtins;

/// <summary>The methods of dicts.</summary>
internal static class DictMethods
{
    public static Value? Find(DictValue dict, string name) => name switch
    {
        "get" => new BuiltinFunction(name, (_, a) =>
        {
            Value?[] bound = a.PositionalOnly("get").Bind("get", "key", "default?");
            return dict.Get(bound[0]!) ?? bound[1] ?? NoneValue.Instance;
        }),
        "items" => View(dict, name, "dict_items", d => d.Pairs),
        "keys" => View(dict, name, "dict_keys", d => d.Keys),
        "values" => View(dict, name, "dict_values", d => d.Values),
        "copy" => new BuiltinFunction(name, (r, a) =>
        {
            a.Bind("copy");
            r.Steps(dict.Count);
            return dict.Copy();
        }),
        "fromkeys" => new BuiltinFunction(name, (r, a) => FromKeys(a, r)),
        "pop" or "popitem" or "clear" or "setdefault" or "update" => Members.Mutating,
        _ => null,
    };

    private static BuiltinFunction View(DictValue dict, string name, string kind, Func<DictValue, IEnumerable<Value>> items) => new(name, (_, a) =>
    {
        a.Bind(name);
        return new DictViewValue(kind, dict, items);
    });

    private static DictValue FromKeys(Arguments arguments, Rendering rendering)
    {
        Value?[] bound = arguments.PositionalOnly("fromkeys").Bind("fromkeys", "iterable", "value?");
        DictValue dict = new();
        foreach (Value key in bound[0]!.Elements(rendering)) dict.Set(key, bound[1] ?? NoneValue.Instance);
        return dict;
    }
}
