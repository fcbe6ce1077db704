using System.Numerics;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Python's operators.</summary>
internal static class Operators
{
    private const int MostShift = 1 << 14;

    public static Value Add(Value left, Value right, Rendering rendering)
    {
        ThrowIfUndefined(left, right);
        return (left, right) switch
        {
            (StringValue a, StringValue b) => Concatenate(a, b, rendering),
            (NumberValue a, NumberValue b) => a.AsInteger is { } x && b.AsInteger is { } y ? IntValue.Of(x + y) : new FloatValue(a.AsDouble + b.AsDouble),
            (SequenceValue a, SequenceValue b) when a.GetType() == b.GetType() || (a is TupleValue && b is TupleValue) => Concatenate(a, b, rendering),
            (StringValue, _) => throw JinjaError.Type($"can only concatenate str (not \"{right.TypeName}\") to str"),
            (SequenceValue, _) => throw JinjaError.Type($"can only concatenate {left.TypeName} (not \"{right.TypeName}\") to {left.TypeName}"),
            _ => throw JinjaError.Operands("+", left, right),
        };
    }

    public static Value Subtract(Value left, Value right)
    {
        ThrowIfUndefined(left, right);
        return (left, right) switch
        {
            (NumberValue a, NumberValue b) => a.AsInteger is { } x && b.AsInteger is { } y ? IntValue.Of(x - y) : new FloatValue(a.AsDouble - b.AsDouble),
            _ => throw JinjaError.Operands("-", left, right),
        };
    }

    public static Value Multiply(Value left, Value right, Rendering rendering)
    {
        ThrowIfUndefined(left, right);
        return (left, right) switch
        {
            (NumberValue a, NumberValue b) => a.AsInteger is { } x && b.AsInteger is { } y ? IntValue.Of(x * y) : new FloatValue(a.AsDouble * b.AsDouble),
            (StringValue or SequenceValue, NumberValue { AsInteger: { } times }) => Repeat(left, times, rendering),
            (NumberValue { AsInteger: { } times }, StringValue or SequenceValue) => Repeat(right, times, rendering),
            (StringValue or SequenceValue, _) => throw JinjaError.Type($"can't multiply sequence by non-int of type '{right.TypeName}'"),
            (_, StringValue or SequenceValue) => throw JinjaError.Type($"can't multiply sequence by non-int of type '{left.TypeName}'"),
            _ => throw JinjaError.Operands("*", left, right),
        };
    }

    public static Value Divide(Value left, Value right)
    {
        ThrowIfUndefined(left, right);
        if (left is not NumberValue a || right is not NumberValue b) throw JinjaError.Operands("/", left, right);
        if (!b.Truth) throw JinjaError.Value(a.AsInteger is not null && b.AsInteger is not null ? "division by zero" : "float division by zero");
        return new FloatValue(a.AsInteger is { } x && b.AsInteger is { } y ? DivideExactly(x, y) : a.AsDouble / b.AsDouble);
    }

    public static Value FloorDivide(Value left, Value right)
    {
        ThrowIfUndefined(left, right);
        if (left is not NumberValue a || right is not NumberValue b) throw JinjaError.Operands("//", left, right);
        if (!b.Truth) throw JinjaError.Value(a.AsInteger is not null && b.AsInteger is not null ? "integer division or modulo by zero" : "float floor division by zero");
        return a.AsInteger is { } x && b.AsInteger is { } y ? IntValue.Of(FloorDivide(x, y)) : new FloatValue(FloorDivide(a.AsDouble, b.AsDouble));
    }

    public static Value Modulo(Value left, Value right, Rendering rendering)
    {
        if (left is StringValue format) return PercentFormat.Apply(format, right, rendering);
        ThrowIfUndefined(left, right);
        if (left is not NumberValue a || right is not NumberValue b) throw JinjaError.Operands("%", left, right);
        if (!b.Truth) throw JinjaError.Value(a.AsInteger is not null && b.AsInteger is not null ? "integer division or modulo by zero" : "float modulo");
        return a.AsInteger is { } x && b.AsInteger is { } y ? IntValue.Of(x - FloorDivide(x, y) * y) : new FloatValue(Modulo(a.AsDouble, b.AsDouble));
    }

    public static Value Power(Value left, Value right)
    {
        ThrowIfUndefined(left, right);
        if (left is not NumberValue a || right is not NumberValue b) throw JinjaError.Operands("** or pow()", left, right);
        if (a.AsInteger is { } x && b.AsInteger is { Sign: >= 0 } y)
        {
            if (!BigInteger.Abs(x).IsOne && !x.IsZero && y * x.GetBitLength() > MostShift) throw JinjaError.Limit($"an integer would have more than {MostShift} bits");
            return IntValue.Of(BigInteger.Abs(x).IsOne ? (y.IsEven ? BigInteger.One : x) : x.IsZero ? (y.IsZero ? 1 : 0) : BigInteger.Pow(x, (int)y));
        }

        return new FloatValue(Power(a.AsDouble, b.AsDouble));
    }

    public static Value Negate(Value value) => value switch
    {
        NumberValue { AsInteger: { } integer } => IntValue.Of(-integer),
        NumberValue number => new FloatValue(-number.AsDouble),
        UndefinedValue undefined => throw undefined.Error(),
        _ => throw JinjaError.Type($"bad operand type for unary -: '{value.TypeName}'"),
    };

    public static Value Plus(Value value) => value switch
    {
        NumberValue { AsInteger: { } integer } => IntValue.Of(integer),
        NumberValue => value,
        UndefinedValue undefined => throw undefined.Error(),
        _ => throw JinjaError.Type($"bad operand type for unary +: '{value.TypeName}'"),
    };

    /// <summary>The order of two values, for <c>&lt;</c> and its like; null where one is not a number.</summary>
    public static int? Compare(Value left, Value right, string op)
    {
        ThrowIfUndefined(left, right);
        switch (left, right)
        {
            case (NumberValue a, NumberValue b):
                return a.AsInteger is { } x && b.AsInteger is { } y ? x.CompareTo(y) : CompareFloats(a, b);
            case (StringValue a, StringValue b):
                return CompareText(a.Text, b.Text);
            case (SequenceValue a, SequenceValue b) when a is ListValue == b is ListValue:
                return CompareItems(a, b, op);
            default:
                throw JinjaError.Type($"'{op}' not supported between instances of '{left.TypeName}' and '{right.TypeName}'");
        }
    }

    public static bool IsLess(Value left, Value right) => Compare(left, right, "<") < 0;

    /// <summary>Python's <c>in</c>.</summary>
    public static bool Contains(Value container, Value item, Rendering rendering)
    {
        switch (container)
        {
            case StringValue text:
                return item is StringValue part ? text.Text.Contains(part.Text, StringComparison.Ordinal)
                    : throw JinjaError.Type($"'in <string>' requires string as left operand, not {item.TypeName}");
            case DictValue dict:
                return dict.Get(item.IsHashable ? item : throw JinjaError.Type($"unhashable type: '{item.TypeName}'")) is not null;
            default:
                IEnumerator<Value> iterator = container.Iterate(rendering) ?? throw JinjaError.Type($"argument of type '{container.TypeName}' is not iterable");
                while (iterator.MoveNext())
                {
                    rendering.Step();
                    if (ReferenceEquals(iterator.Current, item) || iterator.Current.IsEqual(item)) return true;
                }

                return false;
        }
    }

    public static Value Slice(Value value, Value? start, Value? stop, Value? step, Rendering rendering)
    {
        if (value is UndefinedValue undefined) throw undefined.Error();
        if (value is not (StringValue or SequenceValue or RangeValue))
            throw JinjaError.Type(value is DictValue ? "unhashable type: 'slice'" : $"'{value.TypeName}' object is not subscriptable");
        (int first, int by, int count) = Sequences.Resolve(start, stop, step, value.Count);
        switch (value)
        {
            case StringValue text when by == 1 || count <= 1:
                return text.Units(text.UnitOf(count == 0 ? 0 : first), count == 0 ? 0 : text.UnitOf(first + count) - text.UnitOf(first)) is var part && count > 0 ? Charged(part, rendering) : part;
            case StringValue text:
                rendering.Steps(count);
                TextBuffer buffer = new(rendering);
                for (int i = 0; i < count; i++)
                {
                    int unit = text.UnitOf(first + i * by);
                    buffer.Append(text, unit, text.UnitOf(first + i * by + 1) - unit);
                }

                return buffer.Build(text.IsMarkup);
            case RangeValue range:
                return range.Slice(first, by, count);
            default:
                rendering.Steps(count);
                IReadOnlyList<Value> items = ((SequenceValue)value).Items;
                Value[] picked = new Value[count];
                for (int i = 0; i < count; i++) picked[i] = items[first + i * by];
                return ((SequenceValue)value).With(picked);
        }
    }

    private static StringValue Charged(StringValue text, Rendering rendering)
    {
        rendering.ChargeText(text.Text.Length);
        return text;
    }

    private static void ThrowIfUndefined(Value left, Value right)
    {
        if (left is UndefinedValue first) throw first.Error();
        if (right is UndefinedValue second) throw second.Error();
    }

    private static StringValue Concatenate(StringValue left, StringValue right, Rendering rendering)
    {
        bool isMarkup = left.IsMarkup || right.IsMarkup;
        if (isMarkup)
        {
            left = Markup.Escape(left, rendering);
            right = Markup.Escape(right, rendering);
        }

        return Join(left, right, isMarkup, rendering);
    }

    /// <summary>Two texts as one.</summary>
    private static StringValue Join(StringValue left, StringValue right, bool isMarkup, Rendering rendering)
    {
        if (right.Text.Length == 0) return left;
        if (left.Text.Length == 0) return right;
        int length = left.Text.Length + right.Text.Length;
        rendering.CheckLength((long)left.Text.Length + right.Text.Length);
        rendering.ChargeText(length);
        if (left.Data is null && right.Data is null) return new StringValue(left.Text + right.Text, null, isMarkup);
        if (left.Data == DataSpans.All && right.Data == DataSpans.All) return new StringValue(left.Text + right.Text, DataSpans.All, isMarkup);
        return new StringValue(left.Text + right.Text, DataSpans.Join(left, right), isMarkup);
    }

    private static SequenceValue Concatenate(SequenceValue left, SequenceValue right, Rendering rendering)
    {
        rendering.Steps((long)left.Count + right.Count);
        return left.With([.. left.Items, .. right.Items]);
    }

    private static Value Repeat(Value value, BigInteger times, Rendering rendering)
    {
        if (value is StringValue text)
        {
            if (times.Sign <= 0 || text.Text.Length == 0) return text.Units(0, 0);
            rendering.CheckLength((long)BigInteger.Min(times * text.Text.Length, long.MaxValue));
            TextBuffer buffer = new(rendering);
            for (int i = (int)times; i > 0; i--) buffer.Append(text);
            return buffer.Build(text.IsMarkup);
        }

        SequenceValue sequence = (SequenceValue)value;
        if (times.Sign <= 0 || sequence.Count == 0) return sequence.With([]);
        rendering.Steps((long)BigInteger.Min(times * sequence.Count, long.MaxValue));
        List<Value> items = new((int)times * sequence.Count);
        for (int i = (int)times; i > 0; i--) items.AddRange(sequence.Items);
        return sequence.With(items);
    }

    /// <summary>The quotient of two integers, rounded once.</summary>
    private static double DivideExactly(BigInteger left, BigInteger right)
    {
        const long Exact = 1L << 53;
        if (BigInteger.Abs(left) <= Exact && BigInteger.Abs(right) <= Exact) return (double)left / (double)right;
        // A quotient of at least 64 bits, with a last bit that stands for the rest, rounds as the true one does.
        BigInteger x = BigInteger.Abs(left), y = BigInteger.Abs(right);
        int shift = (int)Math.Max(0, 66 - (x.GetBitLength() - y.GetBitLength()));
        BigInteger quotient = BigInteger.DivRem(x << shift, y, out BigInteger remainder);
        if (!remainder.IsZero) quotient |= BigInteger.One;
        double result = Math.ScaleB(FloatText.ToDouble(quotient), -shift);
        if (double.IsInfinity(result)) throw JinjaError.Value("integer division result too large for a float");
        return left.Sign * right.Sign < 0 ? -result : result;
    }

    private static BigInteger FloorDivide(BigInteger left, BigInteger right)
    {
        BigInteger quotient = BigInteger.DivRem(left, right, out BigInteger remainder);
        return !remainder.IsZero && remainder.Sign != right.Sign ? quotient - 1 : quotient;
    }

    private static double FloorDivide(double left, double right)
    {
        double remainder = left % right;
        double quotient = (left - remainder) / right;
        if (remainder != 0 && right < 0 != remainder < 0) quotient -= 1;
        if (quotient == 0) return double.CopySign(0, left / right);
        double floor = Math.Floor(quotient);
        return quotient - floor > 0.5 ? floor + 1 : floor;
    }

    private static double Modulo(double left, double right)
    {
        double remainder = left % right;
        if (remainder == 0) return double.CopySign(0, right);
        return right < 0 != remainder < 0 ? remainder + right : remainder;
    }

    private static double Power(double left, double right)
    {
        if (left == 0 && right < 0) throw JinjaError.Value("0.0 cannot be raised to a negative power");
        if (left < 0 && double.IsFinite(left) && double.IsFinite(right) && Math.Floor(right) != right)
            throw JinjaError.Unsupported("a negative number cannot be raised to a fraction here: complex numbers are not supported");
        double result = Math.Pow(left, right);
        return double.IsInfinity(result) && double.IsFinite(left) && double.IsFinite(right) ? throw JinjaError.Value("numerical result out of range") : result;
    }

    private static int? CompareFloats(NumberValue left, NumberValue right)
    {
        if (left is FloatValue { Number: var x } && right is FloatValue { Number: var y }) return double.IsNaN(x) || double.IsNaN(y) ? null : x.CompareTo(y);
        if (left is FloatValue) return -CompareFloats(right, left);
        double number = right.AsDouble;
        if (double.IsNaN(number)) return null;
        if (double.IsInfinity(number)) return number > 0 ? -1 : 1;
        (BigInteger numerator, BigInteger denominator) = FloatText.Ratio(number);
        return (left.AsInteger!.Value * denominator).CompareTo(numerator);
    }

    /// <summary>Orders by code points: a surrogate pair stands above every other unit.</summary>
    private static int CompareText(string left, string right)
    {
        int common = left.AsSpan().CommonPrefixLength(right);
        if (common == left.Length || common == right.Length) return left.Length.CompareTo(right.Length);
        (char x, char y) = (left[common], right[common]);
        return char.IsSurrogate(x) == char.IsSurrogate(y) ? x.CompareTo(y) : char.IsSurrogate(x) ? 1 : -1;
    }

    private static int? CompareItems(SequenceValue left, SequenceValue right, string op)
    {
        Rendering.CheckStack();
        for (int i = 0; i < Math.Min(left.Count, right.Count); i++)
            if (!ReferenceEquals(left.Items[i], right.Items[i]) && !left.Items[i].IsEqual(right.Items[i])) return Compare(left.Items[i], right.Items[i], op);
        return left.Count.CompareTo(right.Count);
    }
}
