using System.Globalization;
using System.Numerics;

namespace LlmService.Tokenizers.Jinja;

/// <summary>How Python writes floating-point numbers: exactly, halves to even.</summary>
internal static class FloatText
{
    /// <summary>The shortest text that reads as the same number.</summary>
    public static string Repr(double value)
    {
        if (NotFinite(value) is { } special) return special;
        (string digits, int exponent) = Shortest(value);
        string sign = double.IsNegative(value) ? "-" : "";
        return sign + (exponent is < -4 or >= 16 ? WithExponent(digits, exponent) : WithPoint(digits, exponent, always: true));
    }

    /// <summary><c>%.Nf</c>, of a number that is not negative.</summary>
    public static string Fixed(double value, int precision)
    {
        if (NotFinite(value) is { } special) return special;
        string digits = Scaled(value, precision).ToString(CultureInfo.InvariantCulture);
        if (precision == 0) return digits;
        digits = digits.PadLeft(precision + 1, '0');
        return $"{digits[..^precision]}.{digits[^precision..]}";
    }

    /// <summary><c>%.Ne</c>, of a number that is not negative.</summary>
    public static string Exponential(double value, int precision)
    {
        (string digits, int exponent) = Significant(value, precision + 1);
        return WithExponent(digits, exponent);
    }

    /// <summary><c>%.Ng</c>, of a number that is not negative; zeros at the end stay where <paramref name="alternate"/> says so.</summary>
    public static string General(double value, int precision, bool alternate)
    {
        (string digits, int exponent) = Significant(value, Math.Max(1, precision));
        bool isPlain = exponent >= -4 && exponent < Math.Max(1, precision);
        if (!alternate) digits = WithoutZeros(digits);
        return isPlain ? WithPoint(digits, exponent, always: false) : WithExponent(digits, exponent);
    }

    /// <summary>What a format without a type gives: general, with a digit after the point.</summary>
    public static string Plain(double value, int precision)
    {
        (string digits, int exponent) = Significant(value, Math.Max(1, precision));
        digits = WithoutZeros(digits);
        return exponent >= -4 && exponent < Math.Max(1, precision) - 1 ? WithPoint(digits, exponent, always: true) : WithExponent(digits, exponent);
    }

    /// <summary>Python's <c>round</c>.</summary>
    public static double Round(double value, int digits)
    {
        if (!double.IsFinite(value) || digits > 400) return value;
        BigInteger scaled = Scaled(Math.Abs(value), Math.Max(digits, -400));
        double rounded = double.Parse(scaled.ToString(CultureInfo.InvariantCulture) + "E" + (-digits).ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        if (double.IsInfinity(rounded)) throw JinjaError.Value("rounded value too large to represent");
        return double.IsNegative(value) ? -rounded : rounded;
    }

    /// <summary>inf and nan; null for other numbers.</summary>
    public static string? NotFinite(double value) =>
        double.IsNaN(value) ? "nan" : double.IsPositiveInfinity(value) ? "inf" : double.IsNegativeInfinity(value) ? "-inf" : null;

    /// <summary>value * 10^digits, rounded to an integer, halves to even.</summary>
    public static BigInteger Scaled(double value, int digits)
    {
        (BigInteger numerator, BigInteger denominator) = Ratio(value);
        if (digits >= 0) numerator *= BigInteger.Pow(10, digits);
        else denominator *= BigInteger.Pow(10, -digits);
        return DivideToEven(numerator, denominator);
    }

    /// <summary>The exact fraction that a number is.</summary>
    public static (BigInteger Numerator, BigInteger Denominator) Ratio(double value)
    {
        long bits = BitConverter.DoubleToInt64Bits(value);
        int exponent = (int)((bits >> 52) & 0x7FF);
        long mantissa = bits & 0xFFFFFFFFFFFFF;
        if (exponent == 0) exponent = 1;
        else mantissa |= 1L << 52;
        exponent -= 1075;
        BigInteger numerator = bits < 0 ? -mantissa : mantissa;
        return exponent >= 0 ? (numerator << exponent, BigInteger.One) : (numerator, BigInteger.One << -exponent);
    }

    private static string WithoutZeros(string digits) => digits.TrimEnd('0') is { Length: > 0 } trimmed ? trimmed : "0";

    /// <summary>The nearest number, halves to even; infinite when it is too large.</summary>
    public static double ToDouble(BigInteger value)
    {
        BigInteger magnitude = BigInteger.Abs(value);
        int excess = (int)Math.Max(0, magnitude.GetBitLength() - 64);
        ulong top = (ulong)(magnitude >> excess);
        if (excess > 0 && (BigInteger)top << excess != magnitude) top |= 1;
        double result = Math.ScaleB((double)top, excess);
        return value.Sign < 0 ? -result : result;
    }

    private static BigInteger DivideToEven(BigInteger numerator, BigInteger denominator)
    {
        (BigInteger quotient, BigInteger remainder) = BigInteger.DivRem(numerator, denominator);
        int half = (remainder * 2).CompareTo(denominator);
        return half > 0 || (half == 0 && !quotient.IsEven) ? quotient + 1 : quotient;
    }

    /// <summary>So many significant digits, and the exponent of the first.</summary>
    private static (string Digits, int Exponent) Significant(double value, int count)
    {
        if (value == 0) return (new string('0', count), 0);
        int exponent = (int)Math.Floor(Math.Log10(value));
        // The logarithm may be off by one either way, and rounding may lead to the next power.
        for (int attempt = exponent - 1; ; attempt++)
        {
            string digits = Scaled(value, count - 1 - attempt).ToString(CultureInfo.InvariantCulture);
            if (digits.Length <= count) return (digits, attempt);
        }
    }

    private static (string Digits, int Exponent) Shortest(double value)
    {
        string shortest = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture);
        if (value == 0) return ("0", 0);
        int mark = shortest.IndexOf('E', StringComparison.Ordinal);
        string mantissa = mark < 0 ? shortest : shortest[..mark];
        int point = mantissa.IndexOf('.', StringComparison.Ordinal);
        int whole = point < 0 ? mantissa.Length : point;
        string all = mantissa.Replace(".", "", StringComparison.Ordinal);
        int leading = all.Length - all.TrimStart('0').Length;
        int exponent = whole - 1 - leading + (mark < 0 ? 0 : int.Parse(shortest[(mark + 1)..], CultureInfo.InvariantCulture));
        string digits = all.Trim('0');
        return (digits, exponent);
    }

    private static string WithExponent(string digits, int exponent)
    {
        string mantissa = digits.Length == 1 ? digits : $"{digits[0]}.{digits[1..]}";
        return $"{mantissa}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
    }

    private static string WithPoint(string digits, int exponent, bool always)
    {
        if (exponent < 0) return "0." + new string('0', -exponent - 1) + digits;
        if (digits.Length <= exponent + 1) return digits.PadRight(exponent + 1, '0') + (always ? ".0" : "");
        return $"{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }
}
