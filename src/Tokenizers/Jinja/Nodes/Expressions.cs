namespace LlmService.Tokenizers.Jinja;

/// <summary>A literal.</summary>
internal sealed class ConstantExpression(Value value, int offset) : Expression(offset)
{
    public Value Value => value;

    public override IEnumerable<Node> Children => [];

    public override Value Evaluate(Activation frame) => value;
}

/// <summary>A list or tuple literal.</summary>
internal sealed class SequenceExpression(IReadOnlyList<Expression> items, bool isTuple, int offset) : Expression(offset)
{
    public IReadOnlyList<Expression> Items => items;

    public bool IsTuple => isTuple;

    public override IEnumerable<Node> Children => items;

    public override Value Evaluate(Activation frame)
    {
        frame.Rendering.Step();
        Value[] values = new Value[items.Count];
        for (int i = 0; i < values.Length; i++) values[i] = items[i].Evaluate(frame);
        return isTuple ? new TupleValue(values) : new ListValue(values);
    }
}

/// <summary>A dict literal.</summary>
internal sealed class DictExpression(IReadOnlyList<(Expression Key, Expression Value)> entries, int offset) : Expression(offset)
{
    public override IEnumerable<Node> Children => entries.SelectMany(e => (Node[])[e.Key, e.Value]);

    public override Value Evaluate(Activation frame)
    {
        frame.Rendering.Step();
        DictValue dict = new();
        foreach ((Expression key, Expression value) in entries)
        {
            Value k = key.Evaluate(frame);
            Value v = value.Evaluate(frame);
            frame.Rendering.Offset = Offset;
            dict.Set(k, v);
        }

        return dict;
    }
}

/// <summary><c>value.name</c>.</summary>
internal sealed class AttributeExpression(Expression value, string name, int offset) : Expression(offset)
{
    public override IEnumerable<Node> Children => [value];

    public override Value Evaluate(Activation frame)
    {
        Value owner = value.Evaluate(frame);
        frame.Rendering.Step();
        frame.Rendering.Offset = Offset;
        return Members.Attribute(owner, name, frame.Rendering);
    }
}

/// <summary><c>value[key]</c>.</summary>
internal sealed class ItemExpression(Expression value, Expression key, int offset) : Expression(offset)
{
    public override IEnumerable<Node> Children => [value, key];

    public override Value Evaluate(Activation frame)
    {
        Value owner = value.Evaluate(frame);
        Value index = key.Evaluate(frame);
        frame.Rendering.Step();
        frame.Rendering.Offset = Offset;
        return Members.Item(owner, index, frame.Rendering);
    }
}

/// <summary><c>value[start:stop:step]</c>.</summary>
internal sealed class SliceExpression(Expression value, Expression? start, Expression? stop, Expression? step, int offset) : Expression(offset)
{
    public override IEnumerable<Node> Children => ((Node?[])[value, start, stop, step]).OfType<Node>();

    public override Value Evaluate(Activation frame)
    {
        Value owner = value.Evaluate(frame);
        Value? first = start?.Evaluate(frame);
        Value? last = stop?.Evaluate(frame);
        Value? by = step?.Evaluate(frame);
        frame.Rendering.Step();
        frame.Rendering.Offset = Offset;
        return Operators.Slice(owner, first, last, by, frame.Rendering);
    }
}

/// <summary><c>a if test else b</c>.</summary>
internal sealed class ConditionalExpression(Expression test, Expression whenTrue, Expression? whenFalse, int offset) : Expression(offset)
{
    public override IEnumerable<Node> Children => whenFalse is null ? [test, whenTrue] : [test, whenTrue, whenFalse];

    public override void Bind(Binding binding) => base.Bind(binding.Soft());

    public override Value Evaluate(Activation frame)
    {
        frame.Rendering.Step();
        if (test.Evaluate(frame).Truth) return whenTrue.Evaluate(frame);
        return whenFalse?.Evaluate(frame) ?? new UndefinedValue("the inline if-expression evaluated to false and no else section was defined.");
    }
}

/// <summary><c>and</c>, <c>or</c>: the operand that decides.</summary>
internal sealed class LogicalExpression(Expression left, Expression right, bool isAnd, int offset) : Expression(offset)
{
    public override IEnumerable<Node> Children => [left, right];

    public override Value Evaluate(Activation frame)
    {
        frame.Rendering.Step();
        Value first = left.Evaluate(frame);
        return first.Truth == isAnd ? right.Evaluate(frame) : first;
    }
}

/// <summary><c>not</c>.</summary>
internal sealed class NotExpression(Expression value, int offset) : Expression(offset)
{
    public override IEnumerable<Node> Children => [value];

    public override Value Evaluate(Activation frame)
    {
        frame.Rendering.Step();
        return BoolValue.Of(!value.Evaluate(frame).Truth);
    }
}

/// <summary>An arithmetic operator.</summary>
internal sealed class BinaryExpression(string op, Expression left, Expression right, int offset) : Expression(offset)
{
    public override IEnumerable<Node> Children => [left, right];

    public override Value Evaluate(Activation frame)
    {
        Value a = left.Evaluate(frame);
        Value b = right.Evaluate(frame);
        frame.Rendering.Step();
        frame.Rendering.Offset = Offset;
        return op switch
        {
            "+" => Operators.Add(a, b, frame.Rendering),
            "-" => Operators.Subtract(a, b),
            "*" => Operators.Multiply(a, b, frame.Rendering),
            "/" => Operators.Divide(a, b),
            "//" => Operators.FloorDivide(a, b),
            "%" => Operators.Modulo(a, b, frame.Rendering),
            "**" => Operators.Power(a, b),
            _ => throw new InvalidOperationException($"unknown operator {op}"),
        };
    }
}

/// <summary><c>-value</c>, <c>+value</c>.</summary>
internal sealed class SignExpression(Expression value, bool isNegative, int offset) : Expression(offset)
{
    public override IEnumerable<Node> Children => [value];

    public override Value Evaluate(Activation frame)
    {
        Value operand = value.Evaluate(frame);
        frame.Rendering.Step();
        frame.Rendering.Offset = Offset;
        return isNegative ? Operators.Negate(operand) : Operators.Plus(operand);
    }
}

/// <summary><c>a ~ b ~ c</c>: the texts of all, as one.</summary>
internal sealed class ConcatenationExpression(IReadOnlyList<Expression> parts, int offset) : Expression(offset)
{
    public override IEnumerable<Node> Children => parts;

    public override Value Evaluate(Activation frame)
    {
        Rendering rendering = frame.Rendering;
        rendering.Step();
        Value[] values = new Value[parts.Count];
        for (int i = 0; i < values.Length; i++) values[i] = parts[i].Evaluate(frame);
        rendering.Offset = Offset;
        StringValue[] texts = Array.ConvertAll(values, v => v.ToText(rendering));
        bool isMarkup = rendering.AutoEscape && Array.Exists(texts, t => t.IsMarkup);
        TextBuffer buffer = new(rendering);
        foreach (StringValue text in texts) buffer.Append(isMarkup ? Markup.Escape(text, rendering) : text);
        return buffer.Build(isMarkup);
    }
}

/// <summary><c>a == b</c>, <c>a &lt; b &lt; c</c>, <c>a in b</c>.</summary>
internal sealed class ComparisonExpression(Expression first, IReadOnlyList<(string Op, Expression Right)> rest, int offset) : Expression(offset)
{
    public override IEnumerable<Node> Children => rest.Select(r => (Node)r.Right).Prepend(first);

    public override Value Evaluate(Activation frame)
    {
        Value left = first.Evaluate(frame);
        for (int i = 0; i < rest.Count; i++)
        {
            Value right = rest[i].Right.Evaluate(frame);
            frame.Rendering.Step();
            frame.Rendering.Offset = Offset;
            if (!Compare(rest[i].Op, left, right, frame.Rendering)) return BoolValue.False;
            left = right;
        }

        return BoolValue.True;
    }

    public static bool Compare(string op, Value left, Value right, Rendering rendering) => op switch
    {
        "==" => left.IsEqual(right),
        "!=" => !left.IsEqual(right),
        "<" => Operators.Compare(left, right, op) < 0,
        "<=" => Operators.Compare(left, right, op) <= 0,
        ">" => Operators.Compare(left, right, op) > 0,
        ">=" => Operators.Compare(left, right, op) >= 0,
        "in" => Operators.Contains(right, left, rendering),
        "not in" => !Operators.Contains(right, left, rendering),
        _ => throw new InvalidOperationException($"unknown comparison {op}"),
    };
}
