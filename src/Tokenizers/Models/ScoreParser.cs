using System.Globalization;
using System.Runtime.CompilerServices;

namespace LlmService.Tokenizers.Models;

/// <summary>Reads scores as the format's reference does: the digits as one integer, then one product or quotient by a power of ten.
/// That may miss the nearest double by the last bit, and equally good cuts of a text are decided by that bit.</summary>
internal static class ScoreParser
{
    private const int HighestPower = 308;

    private static readonly double[] PowersOfTen =
        [.. Enumerable.Range(0, HighestPower + 1).Select(e => double.Parse($"1e{e}", CultureInfo.InvariantCulture))];

    /// <summary>Reads a JSON number that is known to be finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Parse(ReadOnlySpan<byte> number)
    {
        ulong digits = 0;
        int exponent = 0, i = number[0] == (byte)'-' ? 1 : 0;
        bool fraction = false, full = false;
        for (; i < number.Length && number[i] is not ((byte)'e' or (byte)'E'); i++)
        {
            if (number[i] == (byte)'.')
            {
                fraction = true;
                continue;
            }

            uint digit = (uint)(number[i] - '0');
            full |= digits > (ulong.MaxValue - digit) / 10;
            if (!full) digits = digits * 10 + digit;
            if (full != fraction) exponent += full ? 1 : -1;
        }

        if (i < number.Length)
        {
            // A finite number with an exponent beyond any integer is zero.
            if (!int.TryParse(number[(i + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int given)) return 0;
            exponent += Math.Clamp(given, -1_000_000_000, 1_000_000_000);
        }

        double value = Scale(digits, exponent);
        return number[0] == (byte)'-' ? -value : value;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Scale(double value, int exponent)
    {
        for (; exponent < -HighestPower && value != 0; exponent += HighestPower) value /= PowersOfTen[HighestPower];
        if (value == 0) return 0;
        return exponent < 0 ? value / PowersOfTen[-exponent] : exponent <= HighestPower ? value * PowersOfTen[exponent] : double.PositiveInfinity;
    }
}
