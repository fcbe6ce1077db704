using System.Globalization;
using System.Numerics;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Python's <c>format % values</c>.</summary>
internal sealed class PercentFormat
{
    private const int Widest = 1 << 20;
    private readonly StringValue _format;
    private readonly Value _values;
    private readonly IReadOnlyList<Value> _positional;
    private readonly Rendering _rendering;
    private readonly TextBuffer _output;
    private int _at;
    private int _next;
    private bool _usesNames;

    private PercentFormat(StringValue format, Value values, Rendering rendering)
    {
        _format = format;
        _values = values;
        _positional = values is TupleValue tuple ? tuple.Items : [values];
        _rendering = rendering;
        _output = new TextBuffer(rendering);
    }

    private string Text => _format.Text;

    public static StringValue Apply(StringValue format, Value values, Rendering rendering) => new PercentFormat(format, values, rendering).Run();

    private StringValue Run()
    {
        while (_at < Text.Length)
        {
            int percent = Text.IndexOf('%', _at);
            if (percent < 0) percent = Text.Length;
            _output.Append(_format, _at, percent - _at);
            _at = percent + 1;
            if (percent < Text.Length) Convert();
        }

        if (_next < _positional.Count && !_usesNames && _values is not (DictValue or ListValue or UndefinedValue or RangeValue or NamespaceValue))
            throw JinjaError.Type("not all arguments converted during string formatting");
        return _output.Build(_format.IsMarkup);
    }

    private void Convert()
    {
        Value? named = ReadName();
        FormatSpec spec = ReadFlags();
        char conversion = Next();
        if (conversion == '%')
        {
            _output.Append('%');
            return;
        }

        Value value = named ?? NextValue();
        _output.Append(conversion switch
        {
            's' => (spec with { Type = 's' }).Format(Shown(value.ToText(_rendering)), _rendering),
            'r' or 'a' => (spec with { Type = 's' }).Format(Shown(ReprWriter.Repr(value, _rendering)), _rendering),
            'c' => (spec with { Type = 's' }).Format(Character(value), _rendering),
            'd' or 'i' or 'u' => Integer(spec, value, 'd'),
            'x' or 'X' or 'o' => Integer(spec, value, conversion),
            'e' or 'E' or 'f' or 'F' or 'g' or 'G' => (Numeric(spec) with { Type = conversion }).Format(new FloatValue(Number(value).AsDouble), _rendering),
            _ => throw JinjaError.Value($"unsupported format character '{conversion}' (0x{(int)conversion:x}) at index {_at - 1}"),
        });
    }

    private Value? ReadName()
    {
        if (_at >= Text.Length || Text[_at] != '(') return null;
        if (_values is not DictValue dict) throw JinjaError.Type("format requires a mapping");
        int depth = 1;
        int start = ++_at;
        while (depth > 0)
        {
            char c = _at < Text.Length ? Text[_at++] : throw JinjaError.Value("incomplete format key");
            depth += c == '(' ? 1 : c == ')' ? -1 : 0;
        }

        string name = Text[start..(_at - 1)];
        _usesNames = true;
        return dict.Get(name) ?? throw JinjaError.Value($"'{name}'");
    }

    private FormatSpec ReadFlags()
    {
        FormatSpec spec = new() { Align = '>' };
        for (bool more = true; more && _at < Text.Length;)
        {
            spec = Text[_at] switch
            {
                '-' => spec with { Align = '<' },
                '+' => spec with { Sign = '+' },
                ' ' => spec.Sign == '+' ? spec : spec with { Sign = ' ' },
                '#' => spec with { Alternate = true },
                '0' => spec with { Fill = "0" },
                _ => spec,
            };
            more = Text[_at] is '-' or '+' or ' ' or '#' or '0';
            if (more) _at++;
        }

        int? width = ReadNumber();
        if (width < 0) spec = spec with { Align = '<' };
        int? precision = null;
        if (_at < Text.Length && Text[_at] == '.')
        {
            _at++;
            precision = Math.Max(0, ReadNumber() ?? 0);
        }

        while (_at < Text.Length && Text[_at] is 'l' or 'h' or 'L') _at++;
        return spec with { Width = Math.Abs(width ?? 0), Precision = precision };
    }

    private int? ReadNumber()
    {
        BigInteger number;
        if (_at < Text.Length && Text[_at] == '*')
        {
            _at++;
            number = NextValue() is NumberValue { AsInteger: { } star } ? star : throw JinjaError.Type("* wants int");
        }
        else
        {
            int start = _at;
            while (_at < Text.Length && char.IsAsciiDigit(Text[_at])) _at++;
            if (start == _at) return null;
            number = BigInteger.Parse(Text.AsSpan(start, Math.Min(_at - start, 20)), CultureInfo.InvariantCulture);
        }

        return BigInteger.Abs(number) <= Widest ? (int)number : throw JinjaError.Limit($"a width or precision may be {Widest} at most");
    }

    private char Next() => _at < Text.Length ? Text[_at++] : throw JinjaError.Value("incomplete format");

    private Value NextValue()
    {
        if (_usesNames || _next >= _positional.Count) throw JinjaError.Type("not enough arguments for format string");
        return _positional[_next++];
    }

    /// <summary>A marked format escapes what it takes in.</summary>
    private StringValue Shown(StringValue text) => _format.IsMarkup ? Markup.Escape(text, _rendering) : text.Plain();

    private StringValue Character(Value value) => value switch
    {
        StringValue { Count: 1 } text => Shown(text),
        NumberValue { AsInteger: { } code } when code.Sign >= 0 && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF) => new StringValue(char.ConvertFromUtf32((int)code)),
        _ => throw JinjaError.Type("%c requires int or char"),
    };

    private StringValue Integer(FormatSpec spec, Value value, char type)
    {
        NumberValue number = Number(value);
        if (number is FloatValue { Number: var real })
        {
            if (type != 'd') throw JinjaError.Type($"%{type} format: an integer is required, not float");
            if (!double.IsFinite(real)) throw JinjaError.Value("cannot convert float to integer");
            number = IntValue.Of(new BigInteger(Math.Truncate(real)));
        }

        int? precision = spec.Precision;
        FormatSpec laid = Numeric(spec) with { Type = type, Precision = null };
        if (precision is not int least) return laid.Format(number, _rendering);
        // The precision of an integer is its least number of digits.
        string digits = FormatSpec.Digits(BigInteger.Abs(number.AsInteger!.Value), type switch { 'x' or 'X' => 16, 'o' => 8, _ => 10 }, type == 'X');
        string sign = number.AsInteger.Value.Sign < 0 ? "-" : laid.Sign is '+' or ' ' ? laid.Sign.ToString() : "";
        return spec.Pad(new StringValue(sign + digits.PadLeft(least, '0')), spec.Align!.Value, _rendering);
    }

    private static FormatSpec Numeric(FormatSpec spec) => spec.Align == '<' ? spec with { Fill = " " } : spec.Fill == "0" ? spec with { Align = '=' } : spec;

    private static NumberValue Number(Value value) => value switch
    {
        NumberValue number => number,
        UndefinedValue undefined => throw undefined.Error(),
        _ => throw JinjaError.Type($"%d format: a real number is required, not {value.TypeName}"),
    };
}
