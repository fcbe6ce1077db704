using System.Collections.Frozen;
using System.Numerics;

namespace LlmService.Tokenizers.Jinja.Builtins;

/// <summary>The functions that every template has.</summary>
internal static class Globals
{
    private static readonly FrozenDictionary<string, Value> Functions = new Dictionary<string, Value>
    {
        ["range"] = Type("range", (_, a) => Range(a)),
        ["dict"] = Type("dict", (r, a) => Dict(a, r)),
        ["namespace"] = Type("namespace", (r, a) => new NamespaceValue(Dict(a, r))),
        ["cycler"] = Type("cycler", (_, a) => a.PositionalOnly("cycler").Positional is { Count: > 0 } items
            ? new CyclerValue(items) : throw JinjaError.Value("at least one item has to be provided")),
        ["joiner"] = Type("joiner", (_, a) => new JoinerValue(a.Bind("joiner", "sep?")[0] ?? new StringValue(", "))),
        ["lipsum"] = new BuiltinFunction("lipsum", (_, _) => throw JinjaError.Unsupported("'lipsum' is not supported: it makes random text"), "function"),
        ["raise_exception"] = new BuiltinFunction("raise_exception", (r, a) => throw Raise(a.Bind("raise_exception", "message")[0]!, r), "function"),
        ["strftime_now"] = new BuiltinFunction("strftime_now", (r, a) => StrfTime(a.Bind("strftime_now", "format")[0]!, r), "function"),
    }.ToFrozenDictionary();

    public static Value? Find(string name) => Functions.GetValueOrDefault(name);

    /// <summary>A whole number, as an index or a count has to be.</summary>
    public static BigInteger Whole(Value value) => value switch
    {
        NumberValue { AsInteger: { } integer } => integer,
        UndefinedValue undefined => throw undefined.Error(),
        _ => throw JinjaError.Type($"'{value.TypeName}' object cannot be interpreted as an integer"),
    };

    /// <summary>A whole number that has to fit 32 bits; larger ones are as good as the largest.</summary>
    public static int Int32(Value value) => (int)BigInteger.Clamp(Whole(value), int.MinValue, int.MaxValue);

    private static BuiltinFunction Type(string name, Func<Rendering, Arguments, Value> body) => new(name, body, "type");

    private static RangeValue Range(Arguments arguments)
    {
        IReadOnlyList<Value> values = arguments.PositionalOnly("range").Positional;
        return values.Count switch
        {
            1 => new RangeValue(0, Whole(values[0]), 1),
            2 => new RangeValue(Whole(values[0]), Whole(values[1]), 1),
            3 => new RangeValue(Whole(values[0]), Whole(values[1]), Whole(values[2])),
            _ => throw JinjaError.Type($"range expected 1 to 3 arguments, got {values.Count}"),
        };
    }

    private static DictValue Dict(Arguments arguments, Rendering rendering)
    {
        if (arguments.Positional.Count > 1) throw JinjaError.Type($"dict expected at most 1 argument, got {arguments.Positional.Count}");
        DictValue dict = new();
        if (arguments.Positional.Count == 1) Fill(dict, arguments.Positional[0], rendering);
        foreach ((string name, Value value) in arguments.Named) dict.Set(name, value);
        return dict;
    }

    private static void Fill(DictValue dict, Value source, Rendering rendering)
    {
        if (source is DictValue other)
        {
            foreach ((Value key, Value value) in other.Entries) dict.Set(key, value);
            return;
        }

        foreach (Value pair in source.Elements(rendering))
        {
            Value[] two = [.. pair.Elements(rendering)];
            if (two.Length != 2) throw JinjaError.Value($"dictionary update sequence element has length {two.Length}; 2 is required");
            dict.Set(two[0], two[1]);
        }
    }

    private static JinjaError Raise(Value message, Rendering rendering) => new(TemplateFailure.Raised, message.ToText(rendering).Text);

    private static StringValue StrfTime(Value format, Rendering rendering) => format is StringValue text
        ? text.Derive(StrfTimeFormat.Format(rendering.Now, text.Text))
        : throw JinjaError.Type($"strftime() argument 1 must be str, not {format.TypeName}");
}
