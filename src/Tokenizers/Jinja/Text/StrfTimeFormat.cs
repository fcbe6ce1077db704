using System.Globalization;
using System.Text;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Python's <c>strftime</c> in the C locale, of a time without zone.</summary>
internal static class StrfTimeFormat
{
    public static string Format(DateTime time, string format)
    {
        StringBuilder text = new();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            char flag = format[i + 1] is '-' or '_' && i + 2 < format.Length ? format[++i] : '\0';
            text.Append(Directive(time, format[++i], flag));
        }

        return text.ToString();
    }

    private static string Directive(DateTime time, char directive, char flag) => directive switch
    {
        'a' => Invariant(time, "ddd"),
        'A' => Invariant(time, "dddd"),
        'b' or 'h' => Invariant(time, "MMM"),
        'B' => Invariant(time, "MMMM"),
        'd' => Number(time.Day, 2, flag),
        'e' => Number(time.Day, 2, flag == '\0' ? '_' : flag),
        'm' => Number(time.Month, 2, flag),
        'y' => Number(time.Year % 100, 2, flag),
        'Y' => time.Year.ToString(CultureInfo.InvariantCulture),
        'C' => Number(time.Year / 100, 2, flag),
        'G' => ISOWeek.GetYear(time).ToString(CultureInfo.InvariantCulture),
        'g' => Number(ISOWeek.GetYear(time) % 100, 2, flag),
        'H' => Number(time.Hour, 2, flag),
        'k' => Number(time.Hour, 2, '_'),
        'I' => Number(Hour12(time), 2, flag),
        'l' => Number(Hour12(time), 2, '_'),
        'M' => Number(time.Minute, 2, flag),
        'S' => Number(time.Second, 2, flag),
        'f' => Invariant(time, "ffffff"),
        'p' => time.Hour < 12 ? "AM" : "PM",
        'P' => time.Hour < 12 ? "am" : "pm",
        'j' => Number(time.DayOfYear, 3, flag),
        'u' => (time.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)time.DayOfWeek).ToString(CultureInfo.InvariantCulture),
        'w' => ((int)time.DayOfWeek).ToString(CultureInfo.InvariantCulture),
        'U' => Number((time.DayOfYear + 6 - (int)time.DayOfWeek) / 7, 2, flag),
        'W' => Number((time.DayOfYear + 6 - ((int)time.DayOfWeek + 6) % 7) / 7, 2, flag),
        'V' => Number(ISOWeek.GetWeekOfYear(time), 2, flag),
        'c' => $"{Invariant(time, "ddd MMM")} {Number(time.Day, 2, '_')} {Invariant(time, "HH:mm:ss yyyy")}",
        'D' or 'x' => Invariant(time, "MM/dd/yy"),
        'F' => Invariant(time, "yyyy-MM-dd"),
        'T' or 'X' => Invariant(time, "HH:mm:ss"),
        'R' => Invariant(time, "HH:mm"),
        'r' => $"{Number(Hour12(time), 2, '\0')}{Invariant(time, ":mm:ss")} {(time.Hour < 12 ? "AM" : "PM")}",
        // A time without zone has neither.
        'z' or 'Z' => "",
        'n' => "\n",
        't' => "\t",
        '%' => "%",
        _ => flag == '\0' ? $"%{directive}" : $"%{flag}{directive}",
    };

    private static int Hour12(DateTime time) => time.Hour % 12 == 0 ? 12 : time.Hour % 12;

    private static string Number(int value, int width, char flag)
    {
        string digits = value.ToString(CultureInfo.InvariantCulture);
        return flag == '-' ? digits : digits.PadLeft(width, flag == '_' ? ' ' : '0');
    }

    private static string Invariant(DateTime time, string format) => time.ToString(format, CultureInfo.InvariantCulture);
}
