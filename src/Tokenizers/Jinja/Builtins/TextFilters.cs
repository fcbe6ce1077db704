using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Jinja.Builtins;

/// <summary>Filters of texts.</summary>
internal static class TextFilters
{
    private const int Leeway = 5;

    public static IReadOnlyList<Filter> All { get; } =
    [
        new("string", [], (v, _, _, r) => v.ToText(r)),
        new("upper", [], (v, _, _, r) => StringMethods.Upper(Charged(v, r))),
        new("lower", [], (v, _, _, r) => StringMethods.Lower(Charged(v, r))),
        new("capitalize", [], (v, _, _, r) => StringMethods.Capitalize(Charged(v, r))),
        new("title", [], (v, _, _, r) => Title(Charged(v, r))),
        new("trim", ["chars?"], (v, a, _, r) => StringMethods.Strip(v.ToText(r), Chars(a[0]), left: true, right: true)),
        new("replace", ["old", "new", "count?"], (v, a, _, r) => Replace(v, a, r)),
        new("format", null, (v, _, a, r) => Format(v, a, r)),
        new("center", ["width?"], (v, a, _, r) => StringMethods.Find(v.ToText(r), "center")!.Call(Arguments.Of(a[0] ?? IntValue.Of(80)), r)),
        new("indent", ["width?", "first?", "blank?"], (v, a, _, r) => Indent(v, a, r)),
        new("truncate", ["length?", "killwords?", "end?", "leeway?"], (v, a, _, r) => Truncate(v, a, r)),
        new("wordwrap", ["width?", "break_long_words?", "wrapstring?", "break_on_hyphens?"], (v, a, _, r) => Wrap(v, a, r)),
        new("wordcount", [], (v, _, _, r) => IntValue.Of(CountWords(v.ToText(r).Text))),
        new("tojson", ["ensure_ascii?", "indent?", "separators?", "sort_keys?"], (v, a, _, r) => ToJson(v, a, r)),
        new("pprint", [], (v, _, _, r) => new PrettyPrinter(r).Print(v)),
        new("urlencode", [], (v, _, _, r) => UrlText.Encode(v, r)),
    ];

    private static StringValue Charged(Value value, Rendering rendering)
    {
        StringValue text = value.ToText(rendering);
        rendering.ChargeText(text.Text.Length);
        return text;
    }

    private static string? Chars(Value? chars) => chars switch
    {
        null or NoneValue => null,
        StringValue text => text.Text,
        _ => throw JinjaError.Type($"strip arg must be None or str, not {chars.TypeName}"),
    };

    /// <summary>Each word starts with a capital; words start after spaces, hyphens and opening brackets.</summary>
    private static StringValue Title(StringValue text)
    {
        System.Text.StringBuilder title = new(text.Text.Length);
        for (int start = 0; start < text.Text.Length;)
        {
            bool isBreak = IsBreak(text.Text[start]);
            int end = start;
            while (end < text.Text.Length && IsBreak(text.Text[end]) == isBreak) end++;
            int first = start + CodePoints.Utf16Length(CodePoints.At(text.Text, start));
            title.Append(PythonText.Upper(text.Text[start..first])).Append(PythonText.Lower(text.Text[first..end]));
            start = end;
        }

        return text.Plain().Map(title.ToString());
    }

    private static bool IsBreak(char c) => c is '-' or '(' or '{' or '[' or '<' || PythonText.IsSpace(c);

    private static StringValue Replace(Value value, Value?[] arguments, Rendering rendering)
    {
        int most = arguments[2] is null or NoneValue ? -1 : Math.Max(-1, Globals.Int32(arguments[2]!));
        StringValue text = value.ToText(rendering);
        StringValue old = arguments[0]!.ToText(rendering);
        StringValue replacement = arguments[1]!.ToText(rendering);
        if (!rendering.AutoEscape) return StringMethods.Replace(text.Plain(), old, replacement, most, rendering);
        if (old.IsMarkup || (replacement.IsMarkup && !text.IsMarkup)) text = Markup.Escape(text, rendering);
        return text.IsMarkup
            ? StringMethods.Replace(text, Markup.Escape(old, rendering), Markup.Escape(replacement, rendering), most, rendering)
            : StringMethods.Replace(text, old, replacement, most, rendering);
    }

    private static StringValue Format(Value value, Arguments arguments, Rendering rendering)
    {
        if (arguments.Positional.Count > 0 && arguments.Named.Count > 0) throw JinjaError.Value("can't handle positional and keyword arguments at the same time");
        if (arguments.Named.Count == 0) return PercentFormat.Apply(value.ToText(rendering), new TupleValue(arguments.Positional), rendering);
        DictValue named = new();
        foreach ((string name, Value argument) in arguments.Named) named.Set(name, argument);
        return PercentFormat.Apply(value.ToText(rendering), named, rendering);
    }

    private static StringValue Indent(Value value, Value?[] arguments, Rendering rendering)
    {
        StringValue text = value as StringValue ?? throw (value is UndefinedValue undefined ? undefined.Error() : JinjaError.Operands("+=", value, StringValue.Empty));
        StringValue indention = arguments[0] switch
        {
            StringValue given => given,
            null => new StringValue("    "),
            var width => (StringValue)Operators.Multiply(new StringValue(" "), width, rendering),
        };
        if (text.IsMarkup) indention = indention.WithMarkup(true);
        List<StringValue> lines = TextSplitting.Lines((StringValue)Operators.Add(text, new StringValue("\n"), rendering), keepEnds: false, rendering);
        bool indentsBlank = arguments[2]?.Truth ?? false;
        TextBuffer buffer = new(rendering);
        if (arguments[1]?.Truth ?? false) buffer.Append(indention);
        for (int i = 0; i < lines.Count; i++)
        {
            if (i > 0) buffer.Append('\n');
            if (i > 0 && (indentsBlank || lines[i].Truth)) buffer.Append(indention);
            buffer.Append(lines[i]);
        }

        return buffer.Build(text.IsMarkup);
    }

    private static Value Truncate(Value value, Value?[] arguments, Rendering rendering)
    {
        int length = arguments[0] is null ? 255 : Globals.Int32(arguments[0]!);
        StringValue end = arguments[2] is null ? new StringValue("...") : StringMethods.Text(arguments[2]!);
        int leeway = arguments[3] is null or NoneValue ? Leeway : Globals.Int32(arguments[3]!);
        if (length < end.Count) throw JinjaError.Value($"expected length >= {end.Count}, got {length}");
        if (leeway < 0) throw JinjaError.Value($"expected leeway >= 0, got {leeway}");
        if (value.Count < 0) throw JinjaError.Type($"object of type '{value.TypeName}' has no len()");
        if (value.Count <= (long)length + leeway) return value;
        StringValue text = StringMethods.Text(value);
        StringValue kept = text.Units(0, text.UnitOf(length - end.Count));
        if (!(arguments[1]?.Truth ?? false) && kept.Text.LastIndexOf(' ') is int space and >= 0) kept = kept.Units(0, space);
        return (StringValue)Operators.Add(kept, end, rendering);
    }

    private static StringValue Wrap(Value value, Value?[] arguments, Rendering rendering)
    {
        StringValue text = StringMethods.Text(value);
        int width = arguments[0] is null ? 79 : Globals.Int32(arguments[0]!);
        StringValue separator = arguments[2] is null or NoneValue ? new StringValue("\n") : StringMethods.Text(arguments[2]!);
        WordWrapping wrapping = new(width, arguments[1]?.Truth ?? true, arguments[3]?.Truth ?? true);
        TextBuffer buffer = new(rendering);
        bool isFirst = true;
        foreach (StringValue line in TextSplitting.Lines(text.Plain(), keepEnds: false, rendering))
        {
            if (!isFirst) buffer.Append(separator);
            isFirst = false;
            int count = 0;
            foreach (StringValue part in wrapping.Wrap(line, rendering))
            {
                if (count++ > 0) buffer.Append(separator);
                buffer.Append(part);
            }
        }

        return buffer.Build();
    }

    private static int CountWords(string text)
    {
        int count = 0;
        bool isInside = false;
        PythonText.All(text, c =>
        {
            bool isWord = PythonText.IsWord(c);
            if (isWord && !isInside) count++;
            isInside = isWord;
            return true;
        });
        return count;
    }

    private static StringValue ToJson(Value value, Value?[] arguments, Rendering rendering)
    {
        string? indent = arguments[1] switch
        {
            null or NoneValue => null,
            StringValue text => text.Text,
            var width => new string(' ', Math.Clamp(Globals.Int32(width), 0, 1000)),
        };
        (string item, string key) = (indent is null ? ", " : ",", ": ");
        if (arguments[2] is not (null or NoneValue))
        {
            Value[] separators = [.. arguments[2]!.Elements(rendering)];
            if (separators.Length != 2) throw JinjaError.Value("separators must be two texts");
            (item, key) = (StringMethods.Text(separators[0]).Text, StringMethods.Text(separators[1]).Text);
        }

        return new JsonWriter(rendering, arguments[0]?.Truth ?? false, indent, item, key, arguments[3]?.Truth ?? false).Write(value);
    }
}
