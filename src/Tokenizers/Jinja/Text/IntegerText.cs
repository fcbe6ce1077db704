using System.Globalization;
using System.Numerics;
using System.Text;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Reads numbers from texts as Python's <c>int</c> and <c>float</c> do.</summary>
internal static class IntegerText
{
    private const int MostDigits = 4300;

    /// <summary>Null where Python raises.</summary>
    public static BigInteger? Parse(string text, int radix)
    {
        if (radix is not 0 and (< 2 or > 36)) return null;
        string digits = Ascii(text);
        bool isNegative = digits.StartsWith('-');
        if (isNegative || digits.StartsWith('+')) digits = digits[1..];
        (digits, radix, bool hadPrefix) = Prefix(digits, radix);
        if (hadPrefix && digits.StartsWith('_')) digits = digits[1..];
        if (digits.Length == 0 || digits.StartsWith('_') || digits.EndsWith('_') || digits.Contains("__", StringComparison.Ordinal)) return null;
        digits = digits.Replace("_", "", StringComparison.Ordinal);
        if (radix == 10 && digits.Length > MostDigits) return null;
        BigInteger value = BigInteger.Zero;
        foreach (char c in digits)
        {
            int digit = char.IsAsciiDigit(c) ? c - '0' : char.IsAsciiLetter(c) ? char.ToLowerInvariant(c) - 'a' + 10 : 36;
            if (digit >= radix) return null;
            value = value * radix + digit;
        }

        return isNegative ? -value : value;
    }

    /// <summary>Null where Python raises.</summary>
    public static double? ParseFloat(string text)
    {
        string digits = Ascii(text);
        bool isNegative = digits.StartsWith('-');
        string body = (isNegative || digits.StartsWith('+') ? digits[1..] : digits).ToLowerInvariant();
        double? value = body switch
        {
            "inf" or "infinity" => double.PositiveInfinity,
            "nan" => double.NaN,
            _ => ParseDecimal(body),
        };
        return isNegative ? -value : value;
    }

    private static double? ParseDecimal(string body)
    {
        if (body.Length == 0 || !(char.IsAsciiDigit(body[0]) || body[0] == '.')) return null;
        for (int i = 0; i < body.Length; i++)
            if (body[i] == '_' && (i + 1 == body.Length || !char.IsAsciiDigit(body[i - 1]) || !char.IsAsciiDigit(body[i + 1]))) return null;
        body = body.Replace("_", "", StringComparison.Ordinal);
        return double.TryParse(body, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out double value) ? value : null;
    }

    private static (string Digits, int Radix, bool HadPrefix) Prefix(string digits, int radix)
    {
        int prefixed = digits.Length > 1 && digits[0] == '0' ? char.ToLowerInvariant(digits[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 0 } : 0;
        if (prefixed != 0 && (radix == 0 || radix == prefixed)) return (digits[2..], prefixed, true);
        if (radix != 0) return (digits, radix, false);
        // Without a base, a number does not start with a zero.
        return digits.StartsWith('0') && digits.Any(c => c is not ('0' or '_')) ? ("", 10, false) : (digits, 10, false);
    }

    /// <summary>Without white space around it, and with the digits of all scripts as ASCII.</summary>
    private static string Ascii(string text)
    {
        int start = 0, end = text.Length;
        while (start < end && PythonText.IsSpace(text[start])) start++;
        while (end > start && PythonText.IsSpace(text[end - 1])) end--;
        StringBuilder ascii = new(end - start);
        for (int i = start; i < end; i += CodePoints.Utf16Length(CodePoints.At(text, i)))
        {
            int codePoint = CodePoints.At(text, i);
            if (codePoint >= 0x80 && PythonText.IsDecimal(codePoint)) ascii.Append(CharUnicodeInfo.GetDecimalDigitValue(text, i));
            else ascii.Append(codePoint < 0x10000 ? (char)codePoint : '\uFFFF');
        }

        return ascii.ToString();
    }
}
