namespace LlmService.Tokenizers.Jinja.Builtins;

/// <summary>Filters that map or choose elements; each looks at an element when it is asked for it.</summary>
internal static class SelectionFilters
{
    public static IReadOnlyList<Filter> All { get; } =
    [
        new("map", null, (v, _, a, r) => new GeneratorValue(Map(v, a, r))),
        new("select", null, (v, _, a, r) => new GeneratorValue(Select(v, a, r, byAttribute: false, wanted: true))),
        new("reject", null, (v, _, a, r) => new GeneratorValue(Select(v, a, r, byAttribute: false, wanted: false))),
        new("selectattr", null, (v, _, a, r) => new GeneratorValue(Select(v, a, r, byAttribute: true, wanted: true))),
        new("rejectattr", null, (v, _, a, r) => new GeneratorValue(Select(v, a, r, byAttribute: true, wanted: false))),
    ];

    private static IEnumerable<Value> Map(Value value, Arguments arguments, Rendering rendering)
    {
        if (!value.Truth) yield break;
        Func<Value, Value> map = Mapping(arguments, rendering);
        foreach (Value item in value.Elements(rendering)) yield return map(item);
    }

    private static Func<Value, Value> Mapping(Arguments arguments, Rendering rendering)
    {
        if (arguments.Positional.Count == 0 && arguments.FindNamed("attribute") is { } attribute)
        {
            foreach ((string name, _) in arguments.Named)
                if (name is not ("attribute" or "default")) throw JinjaError.Value($"Unexpected keyword argument '{name}'");
            AttributePath path = AttributePath.Of(attribute, isSensitive: true, arguments.FindNamed("default"));
            return item => path.Get(item, rendering);
        }

        if (arguments.Positional.Count == 0) throw JinjaError.Value("map requires a filter argument");
        Filter filter = arguments.Positional[0] is StringValue named && Filters.Find(named.Text) is { } found ? found
            : throw JinjaError.Value($"No filter named '{arguments.Positional[0].ToText(rendering).Text}'.");
        Arguments rest = arguments.Skip(1);
        return item => filter.Apply(item, rest, rendering);
    }

    private static IEnumerable<Value> Select(Value value, Arguments arguments, Rendering rendering, bool byAttribute, bool wanted)
    {
        if (!value.Truth) yield break;
        AttributePath? path = !byAttribute ? null
            : arguments.Positional.Count > 0 ? AttributePath.Of(arguments.Positional[0], isSensitive: true)
            : throw JinjaError.Value("Missing parameter for attribute name");
        Func<Value, bool> holds = Condition(byAttribute ? arguments.Skip(1) : arguments, rendering);
        foreach (Value item in value.Elements(rendering))
            if (holds(path is null ? item : path.Get(item, rendering)) == wanted) yield return item;
    }

    private static Func<Value, bool> Condition(Arguments arguments, Rendering rendering)
    {
        if (arguments.Positional.Count == 0) return v => v.Truth;
        Test test = arguments.Positional[0] is StringValue name && Tests.Find(name.Text) is { } found ? found
            : throw JinjaError.Value($"No test named '{arguments.Positional[0].ToText(rendering).Text}'.");
        Arguments rest = arguments.Skip(1);
        return v => test.Holds(v, rest, rendering);
    }
}
