namespace LlmService.Tokenizers.Jinja;

/// <summary>What a call passes.</summary>
internal sealed class Arguments(IReadOnlyList<Value> positional, IReadOnlyList<KeyValuePair<string, Value>> named)
{
    public static Arguments None { get; } = new([], []);

    public IReadOnlyList<Value> Positional => positional;

    public IReadOnlyList<KeyValuePair<string, Value>> Named => named;

    public static Arguments Of(params Value[] values) => new(values, []);

    public Value? FindNamed(string name)
    {
        foreach (KeyValuePair<string, Value> argument in named)
            if (argument.Key == name) return argument.Value;
        return null;
    }

    /// <summary>The arguments without the first ones.</summary>
    public Arguments Skip(int count) => new([.. positional.Skip(count)], named);

    public Arguments Prepend(Value value) => new([value, .. positional], named);

    /// <summary>Puts the arguments to the parameters of a function; a name that ends in <c>?</c> may be left out and is null then.</summary>
    public Value?[] Bind(string function, params ReadOnlySpan<string> parameters)
    {
        if (positional.Count > parameters.Length)
            throw JinjaError.Type($"{function}() takes at most {parameters.Length} argument(s) but {positional.Count} were given");
        Value?[] values = new Value?[parameters.Length];
        for (int i = 0; i < positional.Count; i++) values[i] = positional[i];
        foreach (KeyValuePair<string, Value> argument in named)
        {
            int at = IndexOf(parameters, argument.Key);
            if (at < 0) throw JinjaError.Type($"{function}() got an unexpected keyword argument '{argument.Key}'");
            if (values[at] is not null) throw JinjaError.Type($"{function}() got multiple values for argument '{argument.Key}'");
            values[at] = argument.Value;
        }

        for (int i = 0; i < parameters.Length; i++)
            if (values[i] is null && !parameters[i].EndsWith('?')) throw JinjaError.Type($"{function}() missing required argument '{parameters[i]}'");
        return values;
    }

    /// <summary>Refuses named arguments, for methods that Python gives no names.</summary>
    public Arguments PositionalOnly(string function) =>
        named.Count == 0 ? this : throw JinjaError.Type($"{function}() takes no keyword arguments");

    private static int IndexOf(ReadOnlySpan<string> parameters, string name)
    {
        for (int i = 0; i < parameters.Length; i++)
            if (parameters[i].AsSpan().TrimEnd('?').SequenceEqual(name)) return i;
        return -1;
    }
}
