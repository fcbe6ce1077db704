using System.Globalization;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Python's <c>str.format</c>, as the sandbox does it.</summary>
internal sealed class BraceFormat(StringValue format, Arguments arguments, DictValue? map, Rendering rendering)
{
    private const int DeepestNesting = 2;
    private int _automatic;
    private bool _usesNumbers;

    public StringValue Run() => Expand(format, DeepestNesting).WithMarkup(format.IsMarkup);

    private StringValue Expand(StringValue source, int depth)
    {
        if (depth < 0) throw JinjaError.Value("Max string recursion exceeded");
        string text = source.Text;
        TextBuffer output = new(rendering);
        for (int i = 0; i < text.Length;)
        {
            int brace = text.AsSpan(i).IndexOfAny('{', '}');
            if (brace < 0) brace = text.Length - i;
            output.Append(source, i, brace);
            i += brace;
            if (i == text.Length) break;
            if (i + 1 < text.Length && text[i + 1] == text[i])
            {
                output.Append(source, i, 1);
                i += 2;
                continue;
            }

            if (text[i] == '}') throw JinjaError.Value("Single '}' encountered in format string");
            int end = FieldEnd(text, i + 1);
            output.Append(Field(source.Units(i + 1, end - i - 1), depth));
            i = end + 1;
        }

        return output.Build();
    }

    private static int FieldEnd(string text, int start)
    {
        if (start == text.Length) throw JinjaError.Value("Single '{' encountered in format string");
        int depth = 1;
        for (int i = start; i < text.Length; i++)
        {
            // Braces within an index do not count.
            if (text[i] == '[' && depth == 1 && text.AsSpan(start, i - start).IndexOfAny(":!") < 0 && text.IndexOf(']', i) is int close and > 0) i = close;
            else if (text[i] == '{') depth++;
            else if (text[i] == '}' && --depth == 0) return i;
        }

        throw JinjaError.Value("expected '}' before end of string");
    }

    private StringValue Field(StringValue field, int depth)
    {
        string text = field.Text;
        int nameEnd = NameEnd(text);
        Value value = Lookup(text[..nameEnd]);
        int at = nameEnd;
        char conversion = '\0';
        if (at < text.Length && text[at] == '!')
        {
            conversion = at + 1 < text.Length ? text[at + 1] : throw JinjaError.Value("end of string while looking for conversion specifier");
            at += 2;
            if (at < text.Length && text[at] != ':') throw JinjaError.Value("expected ':' after conversion specifier");
        }

        string spec = at < text.Length ? Expand(field.Units(at + 1, text.Length - at - 1), depth - 1).Text : "";
        value = conversion switch
        {
            '\0' => value,
            's' => value.ToText(rendering),
            'r' => ReprWriter.Repr(value, rendering),
            'a' => throw JinjaError.Unsupported("the conversion '!a' is not supported"),
            _ => throw JinjaError.Value($"Unknown conversion specifier {conversion}"),
        };
        StringValue shown = Format(value, spec);
        return format.IsMarkup ? Markup.Escape(shown, rendering) : shown;
    }

    private static int NameEnd(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '[' && text.IndexOf(']', i) is int close and > 0) i = close;
            else if (text[i] is ':' or '!') return i;
        }

        return text.Length;
    }

    /// <summary>What Python's <c>format</c> gives for a value and a specification.</summary>
    private StringValue Format(Value value, string spec)
    {
        if (value is StringValue { IsMarkup: true } && format.IsMarkup)
            return spec.Length == 0 ? (StringValue)value : throw JinjaError.Value("Unsupported format specification for Markup.");
        if (spec.Length == 0) return value.ToText(rendering);
        return value switch
        {
            StringValue text => FormatSpec.Parse(spec).Format(text.Plain(), rendering),
            NumberValue number => FormatSpec.Parse(spec).Format(number, rendering),
            _ => throw JinjaError.Type($"unsupported format string passed to {value.TypeName}.__format__"),
        };
    }

    private Value Lookup(string name)
    {
        int firstEnd = name.AsSpan().IndexOfAny('.', '[');
        string first = firstEnd < 0 ? name : name[..firstEnd];
        Value value = First(first);
        for (int at = first.Length; at < name.Length;)
        {
            if (name[at] == '.')
            {
                int end = name.AsSpan(at + 1).IndexOfAny('.', '[') is int next and >= 0 ? at + 1 + next : name.Length;
                if (end == at + 1) throw JinjaError.Value("Empty attribute in format string");
                value = Members.Attribute(value, name[(at + 1)..end], rendering);
                at = end;
                continue;
            }

            int close = name[at] == '[' ? name.IndexOf(']', at) : throw JinjaError.Value("Only '.' or '[' may follow ']' in format field specifier");
            if (close < 0) throw JinjaError.Value("Missing ']' in format string");
            string key = name[(at + 1)..close];
            if (key.Length == 0) throw JinjaError.Value("Empty attribute in format string");
            value = Members.Item(value, int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? IntValue.Of(index) : new StringValue(key), rendering);
            at = close + 1;
        }

        return value;
    }

    private Value First(string name)
    {
        if (name.Length == 0 || name.All(char.IsAsciiDigit))
        {
            bool isAutomatic = name.Length == 0;
            if (isAutomatic ? _usesNumbers : _automatic > 0) throw JinjaError.Value("cannot mix manual field specification and automatic field numbering");
            _usesNumbers |= !isAutomatic;
            int index = isAutomatic ? _automatic++ : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : int.MaxValue;
            return index < arguments.Positional.Count ? arguments.Positional[index]
                : throw JinjaError.Value($"Replacement index {index} out of range for positional args tuple");
        }

        return (map is null ? arguments.FindNamed(name) : map.Get(name)) ?? throw JinjaError.Value($"'{name}'");
    }
}
