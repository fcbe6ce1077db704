namespace LlmService.Tokenizers.Jinja.Builtins;

/// <summary>A filter: a function of a value.</summary>
/// <param name="parameters">The parameters behind the value; those that end in <c>?</c> may be left out. Null: the body reads the arguments itself.</param>
internal sealed class Filter(string name, string[]? parameters, Func<Value, Value?[], Arguments, Rendering, Value> body)
{
    public string Name => name;

    public Value Apply(Value value, Arguments arguments, Rendering rendering)
    {
        if (value is StringValue text) rendering.Steps(text.Text.Length >> 6);
        return body(value, parameters is null ? [] : arguments.Bind(name, parameters), arguments, rendering);
    }
}
