using LlmService.Tokenizers.Jinja.Builtins;

namespace LlmService.Tokenizers.Jinja;

/// <summary>The arguments of a call as they are written.</summary>
internal sealed record ArgumentList(
    IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Named, Expression? MorePositional, Expression? MoreNamed)
{
    public static ArgumentList Empty { get; } = new([], [], null, null);

    public IEnumerable<Node> Children => Positional.Concat(Named.Select(n => n.Value)).Concat(MorePositional is null ? [] : [MorePositional]).Concat(MoreNamed is null ? [] : [MoreNamed]);

    public Arguments Evaluate(Activation frame)
    {
        if (Positional.Count == 0 && Named.Count == 0 && MorePositional is null && MoreNamed is null) return Arguments.None;
        List<Value> positional = new(Positional.Count);
        foreach (Expression expression in Positional) positional.Add(expression.Evaluate(frame));
        List<KeyValuePair<string, Value>> named = new(Named.Count);
        foreach ((string name, Expression value) in Named)
        {
            if (named.Exists(n => n.Key == name)) throw JinjaError.Type($"keyword argument repeated: {name}");
            named.Add(new(name, value.Evaluate(frame)));
        }

        if (MorePositional?.Evaluate(frame) is { } more) positional.AddRange(more.Elements(frame.Rendering));
        if (MoreNamed?.Evaluate(frame) is { } dictionary) AddNamed(named, dictionary);
        return new Arguments(positional, named);
    }

    private static void AddNamed(List<KeyValuePair<string, Value>> named, Value dictionary)
    {
        if (dictionary is not DictValue dict) throw JinjaError.Type($"argument after ** must be a mapping, not {dictionary.TypeName}");
        foreach ((Value key, Value value) in dict.Entries)
        {
            if (key is not StringValue name) throw JinjaError.Type("keywords must be strings");
            if (named.Exists(n => n.Key == name.Text)) throw JinjaError.Type($"got multiple values for keyword argument '{name.Text}'");
            named.Add(new(name.Text, value));
        }
    }
}

/// <summary>A call.</summary>
internal sealed class CallExpression(Expression function, ArgumentList arguments, int offset) : Expression(offset)
{
    public override IEnumerable<Node> Children => arguments.Children.Prepend(function);

    public override Value Evaluate(Activation frame) => Evaluate(frame, null);

    /// <summary>Calls with the body of a call block, too.</summary>
    public Value Evaluate(Activation frame, Value? caller)
    {
        Rendering rendering = frame.Rendering;
        Value callee = function.Evaluate(frame);
        Arguments passed = arguments.Evaluate(frame);
        if (caller is not null) passed = new Arguments(passed.Positional, [.. passed.Named, new("caller", caller)]);
        rendering.Step();
        rendering.Offset = Offset;
        rendering.EnterCall();
        Value result = callee.Call(passed, rendering);
        rendering.LeaveCall();
        rendering.Offset = Offset;
        return result;
    }
}

/// <summary><c>value | name(arguments)</c>.</summary>
/// <param name="value">Null in front of a filter block or a set block.</param>
internal sealed class FilterExpression(Expression? value, string name, ArgumentList arguments, int offset) : Expression(offset)
{
    private readonly Filter? _filter = Filters.Find(name);

    public override IEnumerable<Node> Children => value is null ? arguments.Children : arguments.Children.Prepend(value);

    public override void Bind(Binding binding)
    {
        if (_filter is null && !binding.IsSoft) throw new JinjaError(TemplateFailure.Syntax, Unknown) { Offset = Offset };
        base.Bind(binding);
    }

    private string Unknown => $"No filter named '{name}'.";

    public override Value Evaluate(Activation frame) => Apply(value!.Evaluate(frame), frame);

    /// <summary>Filters what a block printed.</summary>
    public Value EvaluateOn(StringValue text, Activation frame) => Apply(value is FilterExpression inner ? inner.EvaluateOn(text, frame) : text, frame);

    private Value Apply(Value input, Activation frame)
    {
        Arguments passed = arguments.Evaluate(frame);
        frame.Rendering.Step();
        frame.Rendering.Offset = Offset;
        return (_filter ?? throw new JinjaError(TemplateFailure.Syntax, Unknown)).Apply(input, passed, frame.Rendering);
    }
}

/// <summary><c>value is name(arguments)</c>.</summary>
internal sealed class TestExpression(Expression value, string name, ArgumentList arguments, int offset) : Expression(offset)
{
    private readonly Test? _test = Tests.Find(name);

    public override IEnumerable<Node> Children => arguments.Children.Prepend(value);

    public override void Bind(Binding binding)
    {
        if (_test is null && !binding.IsSoft) throw new JinjaError(TemplateFailure.Syntax, $"No test named '{name}'.") { Offset = Offset };
        base.Bind(binding);
    }

    public override Value Evaluate(Activation frame)
    {
        Value subject = value.Evaluate(frame);
        Arguments passed = arguments.Evaluate(frame);
        frame.Rendering.Step();
        frame.Rendering.Offset = Offset;
        return BoolValue.Of((_test ?? throw new JinjaError(TemplateFailure.Syntax, $"No test named '{name}'.")).Holds(subject, passed, frame.Rendering));
    }
}
