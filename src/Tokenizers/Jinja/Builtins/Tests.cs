using System.Collections.Frozen;

namespace LlmService.Tokenizers.Jinja.Builtins;

/// <summary>What stands behind <c>is</c>.</summary>
internal sealed class Test(Func<Value, Arguments, Rendering, bool> holds)
{
    public bool Holds(Value value, Arguments arguments, Rendering rendering) => holds(value, arguments, rendering);
}

/// <summary>The tests of Jinja.</summary>
internal static class Tests
{
    private static readonly FrozenDictionary<string, Test> All = new Dictionary<string, Test>
    {
        ["defined"] = Plain("defined", (v, _) => v is not UndefinedValue),
        ["undefined"] = Plain("undefined", (v, _) => v is UndefinedValue),
        ["none"] = Plain("none", (v, _) => v is NoneValue),
        ["boolean"] = Plain("boolean", (v, _) => v is BoolValue),
        ["true"] = Plain("true", (v, _) => v == BoolValue.True),
        ["false"] = Plain("false", (v, _) => v == BoolValue.False),
        ["integer"] = Plain("integer", (v, _) => v is IntValue),
        ["float"] = Plain("float", (v, _) => v is FloatValue),
        ["number"] = Plain("number", (v, _) => v is NumberValue),
        ["string"] = Plain("string", (v, _) => v is StringValue),
        ["mapping"] = Plain("mapping", (v, _) => v is DictValue),
        ["iterable"] = Plain("iterable", (v, r) => v.Iterate(r) is not null),
        ["sequence"] = Plain("sequence", (v, _) => IsSequence(v)),
        ["callable"] = Plain("callable", (v, _) => v.IsCallable || v is UndefinedValue),
        ["escaped"] = Plain("escaped", (v, _) => v is StringValue { IsMarkup: true }),
        ["lower"] = Plain("lower", (v, r) => StringMethods.IsCase(v.ToText(r).Text, isUpper: false)),
        ["upper"] = Plain("upper", (v, r) => StringMethods.IsCase(v.ToText(r).Text, isUpper: true)),
        ["odd"] = Plain("odd", (v, r) => Remainder(v, IntValue.Of(2), r).IsEqual(IntValue.Of(1))),
        ["even"] = Plain("even", (v, r) => Remainder(v, IntValue.Of(2), r).IsEqual(IntValue.Of(0))),
        ["filter"] = Plain("filter", (v, _) => Name(v) is { } name && Filters.Find(name) is not null),
        ["test"] = Plain("test", (v, _) => Name(v) is { } name && Find(name) is not null),
        ["divisibleby"] = new Test((v, a, r) => Remainder(v, a.Bind("divisibleby", "num")[0]!, r).IsEqual(IntValue.Of(0))),
        ["sameas"] = new Test((v, a, _) => IsSame(v, a.Bind("sameas", "other")[0]!)),
        ["in"] = new Test((v, a, r) => Operators.Contains(a.Bind("in", "seq")[0]!, v, r)),
        ["=="] = Comparison("=="),
        ["eq"] = Comparison("=="),
        ["equalto"] = Comparison("=="),
        ["!="] = Comparison("!="),
        ["ne"] = Comparison("!="),
        [">"] = Comparison(">"),
        ["gt"] = Comparison(">"),
        ["greaterthan"] = Comparison(">"),
        [">="] = Comparison(">="),
        ["ge"] = Comparison(">="),
        ["<"] = Comparison("<"),
        ["lt"] = Comparison("<"),
        ["lessthan"] = Comparison("<"),
        ["<="] = Comparison("<="),
        ["le"] = Comparison("<="),
    }.ToFrozenDictionary();

    public static Test? Find(string name) => All.GetValueOrDefault(name);

    /// <summary>Whether two values are the same object; small integers and equal literals are in Python, too.</summary>
    private static bool IsSame(Value left, Value right) => ReferenceEquals(left, right)
        || (left is IntValue a && right is IntValue b && a.Integer == b.Integer)
        || (left is StringValue { IsMarkup: false } s && right is StringValue { IsMarkup: false } t && s.Text == t.Text);

    private static Test Plain(string name, Func<Value, Rendering, bool> holds) => new((value, arguments, rendering) =>
    {
        arguments.Bind(name);
        return holds(value, rendering);
    });

    private static string? Name(Value value) => value.IsHashable ? (value as StringValue)?.Text : throw JinjaError.Type($"unhashable type: '{value.TypeName}'");

    private static Test Comparison(string op) => new((value, arguments, rendering) =>
        ComparisonExpression.Compare(op, value, arguments.PositionalOnly(op).Bind(op, "other")[0]!, rendering));

    // What has a length and can be subscribed.
    private static bool IsSequence(Value value) => value is StringValue or SequenceValue or DictValue or RangeValue or UndefinedValue;

    private static Value Remainder(Value value, Value divisor, Rendering rendering) => Operators.Modulo(value, divisor, rendering);
}
