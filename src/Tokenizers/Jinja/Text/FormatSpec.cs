using System.Globalization;
using System.Numerics;

namespace LlmService.Tokenizers.Jinja;

/// <summary>How a value is laid out: what Python's format specifications and its <c>%</c> conversions have in common.</summary>
internal sealed record FormatSpec
{
    private const int Widest = 1 << 20;

    public string Fill { get; init; } = " ";

    /// <summary>One of <c>&lt; &gt; ^ =</c>; null: as the type has it.</summary>
    public char? Align { get; init; }

    /// <summary>One of <c>+ - space</c>.</summary>
    public char Sign { get; init; } = '-';

    public bool Alternate { get; init; }

    public bool HidesNegativeZero { get; init; }

    public int Width { get; init; }

    /// <summary><c>,</c> or <c>_</c>; null: none.</summary>
    public char? Grouping { get; init; }

    public int? Precision { get; init; }

    /// <summary>The type's letter; zero when there is none.</summary>
    public char Type { get; init; }

    /// <summary>Reads <c>[[fill]align][sign][#][0][width][grouping][.precision][type]</c>.</summary>
    public static FormatSpec Parse(string text)
    {
        FormatSpec spec = new();
        int at = 0;
        int first = text.Length > 0 && char.IsHighSurrogate(text[0]) ? 2 : 1;
        if (text.Length > first && IsAlign(text[first])) (spec, at) = (spec with { Fill = text[..first], Align = text[first] }, first + 1);
        else if (text.Length > 0 && IsAlign(text[0])) (spec, at) = (spec with { Align = text[0] }, 1);
        if (at < text.Length && text[at] is '+' or '-' or ' ') spec = spec with { Sign = text[at++] };
        if (at < text.Length && text[at] == 'z') (spec, at) = (spec with { HidesNegativeZero = true }, at + 1);
        if (at < text.Length && text[at] == '#') (spec, at) = (spec with { Alternate = true }, at + 1);
        if (at < text.Length && text[at] == '0')
        {
            if (spec.Align is null) spec = spec with { Fill = "0", Align = '=' };
            else if (spec.Fill == " ") spec = spec with { Fill = "0" };
            at++;
        }

        spec = spec with { Width = Number(text, ref at) ?? 0 };
        if (at < text.Length && text[at] is ',' or '_') spec = spec with { Grouping = text[at++] };
        if (at < text.Length && text[at] == '.')
        {
            at++;
            spec = spec with { Precision = Number(text, ref at) ?? throw JinjaError.Value("Format specifier missing precision") };
        }

        if (at < text.Length) spec = spec with { Type = text[at++] };
        return at == text.Length ? spec : throw JinjaError.Value($"Invalid format specifier '{text}'");
    }

    /// <summary>Lays a text out.</summary>
    public StringValue Format(StringValue value, Rendering rendering)
    {
        if (Type is not ('\0' or 's')) throw JinjaError.Value($"Unknown format code '{Type}' for object of type 'str'");
        if (Align == '=') throw JinjaError.Value("'=' alignment not allowed in string format specifier");
        if (Sign != '-' || Alternate || HidesNegativeZero || Grouping is not null) throw JinjaError.Value("Sign, 'z', '#' or grouping not allowed in string format specifier");
        StringValue text = Precision is int most && most < value.Count ? value.Units(0, value.UnitOf(most)) : value;
        return Pad(text, Align ?? '<', rendering);
    }

    /// <summary>Lays a number out.</summary>
    public StringValue Format(NumberValue value, Rendering rendering) =>
        value.AsInteger is { } integer && Type is '\0' or 'd' or 'b' or 'o' or 'x' or 'X' or 'n' or 'c' && value is not FloatValue
            ? FormatInteger(value.AsInteger!.Value, rendering)
            : FormatFloat(value.AsDouble, rendering);

    /// <summary>Pads a text to the width.</summary>
    public StringValue Pad(StringValue text, char align, Rendering rendering)
    {
        int missing = Width - text.Count;
        if (missing <= 0) return text;
        int left = align switch { '<' => 0, '^' => missing / 2, _ => missing };
        TextBuffer buffer = new(rendering);
        for (int i = 0; i < left; i++) buffer.Append(Fill);
        buffer.Append(text);
        for (int i = left; i < missing; i++) buffer.Append(Fill);
        return buffer.Build(text.IsMarkup);
    }

    /// <summary>The digits of an integer in a base.</summary>
    public static string Digits(BigInteger value, int radix, bool upper = false)
    {
        if (radix == 10) return value.ToString(CultureInfo.InvariantCulture);
        if (value.IsZero) return "0";
        List<char> digits = [];
        for (; !value.IsZero; value /= radix) digits.Add((upper ? "0123456789ABCDEF" : "0123456789abcdef")[(int)(value % radix)]);
        digits.Reverse();
        return new string([.. digits]);
    }

    private static bool IsAlign(char c) => c is '<' or '>' or '^' or '=';

    private static int? Number(string text, ref int at)
    {
        int start = at;
        while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
        if (start == at) return null;
        return int.TryParse(text.AsSpan(start, at - start), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number <= Widest
            ? number
            : throw JinjaError.Limit($"a width or precision may be {Widest} at most");
    }

    private StringValue FormatInteger(BigInteger value, Rendering rendering)
    {
        if (HidesNegativeZero) throw JinjaError.Value("Negative zero coercion (z) not allowed in format specifier with integer");
        if (Precision is not null) throw JinjaError.Value("Precision not allowed in integer format specifier");
        if (Type == 'c')
        {
            if (value < 0 || value > 0x10FFFF) throw JinjaError.Value("%c arg not in range(0x110000)");
            return Pad(new StringValue(char.ConvertFromUtf32((int)value)), Align ?? '<', rendering);
        }

        int radix = Type switch { 'b' => 2, 'o' => 8, 'x' or 'X' => 16, _ => 10 };
        if (Grouping == ',' && radix != 10) throw JinjaError.Value($"Cannot specify ',' with '{Type}'.");
        string prefix = Alternate && radix != 10 ? $"0{Type}" : "";
        return Lay(value.Sign < 0, prefix, Digits(BigInteger.Abs(value), radix, Type == 'X'), "", radix == 10 ? 3 : 4, rendering);
    }

    private StringValue FormatFloat(double value, Rendering rendering)
    {
        bool isNegative = double.IsNegative(value) && !double.IsNaN(value);
        string text = FloatText.NotFinite(Math.Abs(value)) ?? FloatDigits(Math.Abs(value));
        if (HidesNegativeZero && text.AsSpan().IndexOfAnyInRange('1', '9') < 0) isNegative = false;
        if (Type is 'F' or 'E' or 'G') text = text.ToUpperInvariant();
        string suffix = Type == '%' ? "%" : "";
        int whole = 0;
        while (whole < text.Length && char.IsAsciiDigit(text[whole])) whole++;
        return Lay(isNegative, "", text[..whole], text[whole..] + suffix, 3, rendering);
    }

    private string FloatDigits(double value)
    {
        string text = Type switch
        {
            '\0' when Precision is null => FloatText.Repr(value),
            '\0' => FloatText.Plain(value, Precision.Value),
            'f' or 'F' => FloatText.Fixed(value, Precision ?? 6),
            'e' or 'E' => FloatText.Exponential(value, Precision ?? 6),
            'g' or 'G' or 'n' => FloatText.General(value, Precision ?? 6, Alternate),
            '%' => FloatText.Fixed(value * 100, Precision ?? 6),
            _ => throw JinjaError.Value($"Unknown format code '{Type}' for object of type 'float'"),
        };
        if (!Alternate || text.Contains('.', StringComparison.Ordinal)) return text;
        int mark = text.IndexOf('e', StringComparison.Ordinal);
        return text.Insert(mark < 0 ? text.Length : mark, ".");
    }

    /// <summary>Puts sign, prefix, digits and rest together, with grouping and padding.</summary>
    private StringValue Lay(bool isNegative, string prefix, string digits, string rest, int group, Rendering rendering)
    {
        string sign = isNegative ? "-" : Sign is '+' or ' ' ? Sign.ToString() : "";
        string head = sign + prefix;
        char align = Align ?? '>';
        bool zeros = align == '=' && Fill == "0";
        string body = Grouping is char separator ? Group(digits, separator, group, zeros ? Width - head.Length - rest.Length : 0) : digits;
        int missing = Width - head.Length - body.Length - rest.Length;
        if (align == '=' && missing > 0) return new StringValue(head + string.Concat(Enumerable.Repeat(Fill, missing)) + body + rest);
        return Pad(new StringValue(head + body + rest), align, rendering);
    }

    private static string Group(string digits, char separator, int size, int width)
    {
        List<string> groups = [];
        int left = digits.Length;
        while (left > 0 || groups.Sum(g => g.Length) + groups.Count - 1 < width)
        {
            int length = Math.Min(size, left);
            string part = digits.Substring(left - length, length);
            left -= length;
            if (left == 0 && width > 0)
            {
                int used = groups.Sum(g => g.Length) + groups.Count;
                // A separator never comes first: then one more digit does.
                part = part.PadLeft(Math.Clamp(width - used, 1, size), '0');
            }

            groups.Add(part);
        }

        groups.Reverse();
        return string.Join(separator, groups);
    }
}
