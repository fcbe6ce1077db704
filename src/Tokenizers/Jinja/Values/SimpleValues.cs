using System.Numerics;

namespace LlmService.Tokenizers.Jinja;

/// <summary>None.</summary>
internal sealed class NoneValue : Value
{
    private static readonly StringValue Text = new("None");

    private NoneValue()
    {
    }

    public static NoneValue Instance { get; } = new();

    public override string TypeName => "NoneType";

    public override bool Truth => false;

    public override void WriteRepr(ReprWriter writer) => writer.Write("None");

    public override StringValue ToText(Rendering rendering) => Text;
}

/// <summary>A name, attribute or item that is not there.</summary>
/// <param name="reason">What to say when it is used as if it were.</param>
internal sealed class UndefinedValue(string reason, TemplateFailure failure = TemplateFailure.Undefined) : Value
{
    public override string TypeName => "Undefined";

    public override bool Truth => false;

    public override int Count => 0;

    public static UndefinedValue Name(string name) => new($"'{name}' is undefined");

    /// <summary>What a missing attribute or item is.</summary>
    public static UndefinedValue Member(Value owner, Value key) => new(key is StringValue name
        ? owner is UndefinedValue ? $"'{name.Text}' is undefined" : $"'{owner.TypeName} object' has no attribute '{name.Text}'"
        : $"{owner.TypeName} object has no element {(key is IntValue index ? index.Integer.ToString(System.Globalization.CultureInfo.InvariantCulture) : $"of type '{key.TypeName}'")}");

    /// <summary>The error of using it.</summary>
    public JinjaError Error() => new(failure, reason);

    public override void WriteRepr(ReprWriter writer) => writer.Write("Undefined");

    public override StringValue ToText(Rendering rendering) => StringValue.Empty;

    public override Value? Attribute(string name, Rendering rendering) =>
        name.StartsWith("__", StringComparison.Ordinal) ? null : throw Error();

    public override Value? Item(Value key, Rendering rendering) => throw Error();

    public override IEnumerator<Value> Iterate(Rendering rendering) => Enumerable.Empty<Value>().GetEnumerator();

    public override Value Call(Arguments arguments, Rendering rendering) => throw Error();

    public override bool IsEqual(Value other) => other is UndefinedValue;

    public override int Hash() => 0;
}

/// <summary>What counts as a number.</summary>
internal abstract class NumberValue : Value
{
    public abstract double AsDouble { get; }

    /// <summary>The exact value of an int or bool; null for a float.</summary>
    public abstract BigInteger? AsInteger { get; }

    public override bool IsEqual(Value other)
    {
        if (other is not NumberValue number) return false;
        return (AsInteger, number.AsInteger) switch
        {
            ({ } left, { } right) => left == right,
            ({ } left, null) => FloatValue.IsWhole(number.AsDouble) && left == new BigInteger(number.AsDouble),
            (null, { } right) => FloatValue.IsWhole(AsDouble) && right == new BigInteger(AsDouble),
            _ => AsDouble == number.AsDouble,
        };
    }

    public override int Hash() =>
        AsInteger is { } integer ? integer.GetHashCode() : FloatValue.IsWhole(AsDouble) ? new BigInteger(AsDouble).GetHashCode() : AsDouble.GetHashCode();
}

/// <summary>True or False: also the numbers 1 and 0.</summary>
internal sealed class BoolValue : NumberValue
{
    private readonly StringValue _text;

    private BoolValue(bool value)
    {
        IsTrue = value;
        _text = new StringValue(value ? "True" : "False");
    }

    public static BoolValue True { get; } = new(true);

    public static BoolValue False { get; } = new(false);

    public bool IsTrue { get; }

    public override string TypeName => "bool";

    public override bool Truth => IsTrue;

    public override double AsDouble => IsTrue ? 1 : 0;

    public override BigInteger? AsInteger => IsTrue ? BigInteger.One : BigInteger.Zero;

    public static BoolValue Of(bool value) => value ? True : False;

    public override void WriteRepr(ReprWriter writer) => writer.Write(_text.Text);

    public override StringValue ToText(Rendering rendering) => _text;

    public override Value? Attribute(string name, Rendering rendering) => Builtins.NumberMethods.Find(this, name);
}

/// <summary>An integer of any size that the limits allow.</summary>
internal sealed class IntValue : NumberValue
{
    private const int MostBits = 1 << 14;
    private static readonly IntValue[] Small = [.. Enumerable.Range(-16, 273).Select(i => new IntValue(i))];

    private IntValue(BigInteger value) => Integer = value;

    public BigInteger Integer { get; }

    public override string TypeName => "int";

    public override bool Truth => !Integer.IsZero;

    public override BigInteger? AsInteger => Integer;

    public override double AsDouble
    {
        get
        {
            double value = FloatText.ToDouble(Integer);
            return double.IsFinite(value) ? value : throw JinjaError.Value("int too large to convert to float");
        }
    }

    public static IntValue Of(long value) => value is >= -16 and < 257 ? Small[value + 16] : new IntValue(value);

    public static IntValue Of(BigInteger value)
    {
        if (value.GetBitLength() > MostBits) throw JinjaError.Limit($"an integer would have more than {MostBits} bits");
        return value >= -16 && value < 257 ? Small[(int)value + 16] : new IntValue(value);
    }

    public override void WriteRepr(ReprWriter writer) => writer.Write(Digits(Integer));

    public override StringValue ToText(Rendering rendering) => new(Digits(Integer));

    public override Value? Attribute(string name, Rendering rendering) => Builtins.NumberMethods.Find(this, name);

    private static string Digits(BigInteger value) => value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>A floating-point number.</summary>
internal sealed class FloatValue(double number) : NumberValue
{
    public double Number => number;

    public override string TypeName => "float";

    public override bool Truth => number != 0;

    public override double AsDouble => number;

    public override BigInteger? AsInteger => null;

    public static bool IsWhole(double value) => double.IsFinite(value) && Math.Floor(value) == value;

    public override void WriteRepr(ReprWriter writer) => writer.Write(FloatText.Repr(number));

    public override StringValue ToText(Rendering rendering) => new(FloatText.Repr(number));

    public override Value? Attribute(string name, Rendering rendering) => Builtins.NumberMethods.Find(this, name);
}
