using System.Globalization;
using System.Numerics;

namespace LlmService.Tokenizers.Jinja.Builtins;

/// <summary>Filters of numbers.</summary>
internal static class NumberFilters
{
    public static IReadOnlyList<Filter> All { get; } =
    [
        new("abs", [], (v, _, _, _) => Abs(v)),
        new("int", ["default?", "base?"], (v, a, _, _) => Int(v, a[0] ?? IntValue.Of(0), a[1] is null ? 10 : Globals.Int32(a[1]!))),
        new("float", ["default?"], (v, a, _, _) => v is UndefinedValue undefined ? throw undefined.Error() : Float(v) is double number ? new FloatValue(number) : a[0] ?? new FloatValue(0)),
        new("round", ["precision?", "method?"], (v, a, _, _) => Round(v, a[0], a[1])),
        new("filesizeformat", ["binary?"], (v, a, _, _) => new StringValue(FileSize(v, a[0]?.Truth ?? false))),
    ];

    private static Value Abs(Value value) => value switch
    {
        NumberValue { AsInteger: { } integer } => IntValue.Of(BigInteger.Abs(integer)),
        NumberValue number => new FloatValue(Math.Abs(number.AsDouble)),
        UndefinedValue undefined => throw undefined.Error(),
        _ => throw JinjaError.Type($"bad operand type for abs(): '{value.TypeName}'"),
    };

    private static Value Int(Value value, Value otherwise, int radix)
    {
        switch (value)
        {
            case UndefinedValue undefined:
                throw undefined.Error();
            case NumberValue { AsInteger: { } integer }:
                return IntValue.Of(integer);
            case StringValue text when IntegerText.Parse(text.Text, radix) is { } parsed:
                return IntValue.Of(parsed);
        }

        if (Float(value) is not double number || double.IsNaN(number)) return otherwise;
        // Python does not catch this one.
        if (double.IsInfinity(number)) throw JinjaError.Value("cannot convert float infinity to integer");
        return IntValue.Of(new BigInteger(Math.Truncate(number)));
    }

    /// <summary>Python's <c>float</c>; null where it raises.</summary>
    private static double? Float(Value value) => value switch
    {
        NumberValue number => number.AsDouble,
        StringValue text => IntegerText.ParseFloat(text.Text),
        _ => null,
    };

    private static Value Round(Value value, Value? precision, Value? method)
    {
        int digits = precision is null ? 0 : Globals.Int32(precision);
        string how = method is null ? "common" : StringMethods.Text(method).Text;
        if (how is not ("common" or "ceil" or "floor")) throw JinjaError.Value("method must be common, ceil or floor");
        if (value is UndefinedValue undefined) throw undefined.Error();
        if (value is not NumberValue number) throw JinjaError.Type($"type {value.TypeName} doesn't define __round__ method");
        if (how == "common") return number.AsInteger is { } integer ? IntValue.Of(RoundInteger(integer, digits)) : new FloatValue(FloatText.Round(number.AsDouble, digits));
        Value scale = Operators.Power(IntValue.Of(10), IntValue.Of(digits));
        NumberValue scaled = (NumberValue)(digits >= 0 && number.AsInteger is { } whole ? IntValue.Of(whole * ((IntValue)scale).Integer) : new FloatValue(number.AsDouble * ((NumberValue)scale).AsDouble));
        if (!double.IsFinite(scaled is FloatValue f ? f.Number : 0)) throw JinjaError.Value("cannot convert float infinity or NaN to integer");
        BigInteger rounded = scaled.AsInteger ?? new BigInteger(how == "ceil" ? Math.Ceiling(scaled.AsDouble) : Math.Floor(scaled.AsDouble));
        return Operators.Divide(IntValue.Of(rounded), scale);
    }

    private static BigInteger RoundInteger(BigInteger value, int digits)
    {
        if (digits >= 0) return value;
        if (digits < -5000) return BigInteger.Zero;
        BigInteger unit = BigInteger.Pow(10, -digits);
        BigInteger quotient = BigInteger.DivRem(BigInteger.Abs(value), unit, out BigInteger rest);
        int half = (rest * 2).CompareTo(unit);
        if (half > 0 || (half == 0 && !quotient.IsEven)) quotient++;
        return quotient * unit * value.Sign;
    }

    private static string FileSize(Value value, bool isBinary)
    {
        if (value is UndefinedValue undefined) throw undefined.Error();
        double bytes = Float(value) ?? throw (value is StringValue ? JinjaError.Value("could not convert string to float") : JinjaError.Type("float() argument must be a string or a real number"));
        double step = isBinary ? 1024 : 1000;
        if (bytes == 1) return "1 Byte";
        if (bytes < step) return $"{new BigInteger(Math.Truncate(bytes)).ToString(CultureInfo.InvariantCulture)} Bytes";
        string[] prefixes = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
        double unit = step;
        string prefix = "";
        foreach (string next in prefixes)
        {
            prefix = next;
            unit *= step;
            if (bytes < unit) break;
        }

        string suffix = isBinary ? $"{prefix.ToUpperInvariant()}iB" : $"{prefix}B";
        return $"{FloatText.Fixed(step * bytes / unit, 1)} {suffix}";
    }
}
