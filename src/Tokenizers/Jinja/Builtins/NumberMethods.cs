using System.Numerics;

namespace LlmService.Tokenizers.Jinja.Builtins;

/// <summary>The attributes and methods of numbers.</summary>
internal static class NumberMethods
{
    public static Value? Find(NumberValue number, string name) => (name, number.AsInteger) switch
    {
        ("real", { } integer) => IntValue.Of(integer),
        ("real", _) => number,
        ("imag", { }) => IntValue.Of(0),
        ("imag", _) => new FloatValue(0),
        ("numerator", { } integer) => IntValue.Of(integer),
        ("denominator", { }) => IntValue.Of(1),
        ("conjugate", { } integer) => Method(name, () => IntValue.Of(integer)),
        ("conjugate", _) => Method(name, () => number),
        ("bit_length", { } integer) => Method(name, () => IntValue.Of((long)BigInteger.Abs(integer).GetBitLength())),
        ("bit_count", { } integer) => Method(name, () => IntValue.Of((long)BigInteger.PopCount(BigInteger.Abs(integer)))),
        ("as_integer_ratio", { } integer) => Method(name, () => new TupleValue([IntValue.Of(integer), IntValue.Of(1)])),
        ("as_integer_ratio", _) => Method(name, () => Ratio(number.AsDouble)),
        ("is_integer", null) => Method(name, () => BoolValue.Of(FloatValue.IsWhole(number.AsDouble))),
        ("hex", null) or ("fromhex", null) or ("to_bytes" or "from_bytes", { }) =>
            new BuiltinFunction(name, (_, _) => throw JinjaError.Unsupported($"the method '{name}' of numbers is not supported")),
        _ => null,
    };

    private static BuiltinFunction Method(string name, Func<Value> body) => new(name, (_, a) =>
    {
        a.Bind(name);
        return body();
    });

    private static TupleValue Ratio(double value)
    {
        if (!double.IsFinite(value)) throw JinjaError.Value("cannot convert Infinity or NaN to integer ratio");
        (BigInteger numerator, BigInteger denominator) = FloatText.Ratio(value);
        BigInteger divisor = BigInteger.GreatestCommonDivisor(numerator, denominator);
        return new TupleValue([IntValue.Of(numerator / divisor), IntValue.Of(denominator / divisor)]);
    }
}
