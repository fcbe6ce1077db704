using System.Collections.Frozen;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Jinja.Builtins;

/// <summary>The methods of texts.</summary>
internal static class StringMethods
{
    private delegate Value Method(StringValue text, Arguments arguments, Rendering rendering);

    private static readonly FrozenDictionary<string, Method> All = new Dictionary<string, Method>
    {
        ["upper"] = Plain("upper", Upper),
        ["lower"] = Plain("lower", Lower),
        ["capitalize"] = Plain("capitalize", Capitalize),
        ["title"] = Plain("title", s => s.Map(PythonText.Title(s.Text))),
        ["swapcase"] = Plain("swapcase", s => s.Map(PythonText.SwapCase(s.Text))),
        ["casefold"] = Plain("casefold", s => s.Map(PythonText.Fold(s.Text)).Plain()),
        ["strip"] = (s, a, r) => Strip(s, Chars(a, "strip", r), true, true),
        ["lstrip"] = (s, a, r) => Strip(s, Chars(a, "lstrip", r), true, false),
        ["rstrip"] = (s, a, r) => Strip(s, Chars(a, "rstrip", r), false, true),
        ["startswith"] = (s, a, _) => BoolValue.Of(HasAffix(s, a, "startswith", (t, affix) => t.StartsWith(affix))),
        ["endswith"] = (s, a, _) => BoolValue.Of(HasAffix(s, a, "endswith", (t, affix) => t.EndsWith(affix))),
        ["removeprefix"] = (s, a, _) => Text(a.PositionalOnly("removeprefix").Bind("removeprefix", "prefix")[0]!) is var p && s.Text.StartsWith(p.Text, StringComparison.Ordinal)
            ? s.Units(p.Text.Length, s.Text.Length - p.Text.Length).Plain() : s.Plain(),
        ["removesuffix"] = (s, a, _) => Text(a.PositionalOnly("removesuffix").Bind("removesuffix", "suffix")[0]!) is var p && p.Text.Length > 0 && s.Text.EndsWith(p.Text, StringComparison.Ordinal)
            ? s.Units(0, s.Text.Length - p.Text.Length).Plain() : s.Plain(),
        ["split"] = (s, a, r) => TextSplitting.Split(s, a, fromRight: false, r),
        ["rsplit"] = (s, a, r) => TextSplitting.Split(s, a, fromRight: true, r),
        ["splitlines"] = (s, a, r) => new ListValue([.. TextSplitting.Lines(s, a.Bind("splitlines", "keepends?")[0]?.Truth ?? false, r)]),
        ["partition"] = (s, a, r) => TextSplitting.Partition(s, Separator(s, a.PositionalOnly("partition").Bind("partition", "sep")[0]!, r), fromRight: false, r),
        ["rpartition"] = (s, a, r) => TextSplitting.Partition(s, Separator(s, a.PositionalOnly("rpartition").Bind("rpartition", "sep")[0]!, r), fromRight: true, r),
        ["join"] = (s, a, r) => Join(s, a.PositionalOnly("join").Bind("join", "iterable")[0]!, r),
        ["replace"] = (s, a, r) => Replace(s, a.PositionalOnly("replace").Bind("replace", "old", "new", "count?"), r),
        ["find"] = (s, a, _) => IntValue.Of(Find(s, a, "find", fromRight: false)),
        ["rfind"] = (s, a, _) => IntValue.Of(Find(s, a, "rfind", fromRight: true)),
        ["index"] = (s, a, _) => Found(Find(s, a, "index", fromRight: false)),
        ["rindex"] = (s, a, _) => Found(Find(s, a, "rindex", fromRight: true)),
        ["count"] = (s, a, _) => Count(s, a),
        ["center"] = (s, a, r) => Pad(s, a, "center", r),
        ["ljust"] = (s, a, r) => Pad(s, a, "ljust", r),
        ["rjust"] = (s, a, r) => Pad(s, a, "rjust", r),
        ["zfill"] = (s, a, r) => ZeroFill(s, Globals.Int32(a.PositionalOnly("zfill").Bind("zfill", "width")[0]!), r),
        ["expandtabs"] = (s, a, r) => ExpandTabs(s, a.Bind("expandtabs", "tabsize?")[0] is { } size ? Globals.Int32(size) : 8, r),
        ["format"] = (s, a, r) => new BraceFormat(s, a, null, r).Run(),
        ["format_map"] = (s, a, r) => new BraceFormat(s, Arguments.None, a.PositionalOnly("format_map").Bind("format_map", "mapping")[0] as DictValue
            ?? throw JinjaError.Type("format_map() takes a mapping"), r).Run(),
        ["translate"] = (s, a, r) => Translate(s, a.PositionalOnly("translate").Bind("translate", "table")[0]!, r),
        ["isalpha"] = Is("isalpha", CodePoints.IsLetter),
        ["isdigit"] = Is("isdigit", PythonText.IsDigit),
        ["isdecimal"] = Is("isdecimal", PythonText.IsDecimal),
        ["isnumeric"] = Is("isnumeric", PythonText.IsNumeric),
        ["isalnum"] = Is("isalnum", c => CodePoints.IsLetter(c) || PythonText.IsDecimal(c) || PythonText.IsDigit(c) || PythonText.IsNumeric(c)),
        ["isspace"] = Is("isspace", c => c < 0x10000 && PythonText.IsSpace((char)c)),
        ["isprintable"] = Plain("isprintable", s => BoolValue.Of(PythonText.All(s.Text, PythonText.IsPrintable))),
        ["isascii"] = Plain("isascii", s => BoolValue.Of(System.Text.Ascii.IsValid(s.Text))),
        ["isidentifier"] = Plain("isidentifier", s => BoolValue.Of(PythonText.IsIdentifier(s.Text))),
        ["islower"] = Plain("islower", s => BoolValue.Of(IsCase(s.Text, isUpper: false))),
        ["isupper"] = Plain("isupper", s => BoolValue.Of(IsCase(s.Text, isUpper: true))),
        ["istitle"] = Plain("istitle", s => BoolValue.Of(IsTitle(s.Text))),
        ["encode"] = (_, _, _) => throw JinjaError.Unsupported("the method 'encode' is not supported: templates have no bytes"),
        ["maketrans"] = (_, _, _) => throw JinjaError.Unsupported("the method 'maketrans' is not supported; hand a dict to 'translate'"),
        // Of marked texts only.
        ["striptags"] = Plain("striptags", s => HtmlText.StripTags(s)),
        ["unescape"] = Plain("unescape", s => HtmlText.Unescape(s.Plain())),
    }.ToFrozenDictionary();

    public static Value? Find(StringValue text, string name)
    {
        if (!All.TryGetValue(name, out Method? method) || (name is "striptags" or "unescape" && !text.IsMarkup)) return null;
        return new BuiltinFunction(name, (rendering, arguments) =>
        {
            rendering.Steps(text.Text.Length >> 6);
            return method(text, text.IsMarkup ? EscapeAll(arguments, name, rendering) : arguments, rendering);
        });
    }

    public static StringValue Upper(StringValue text) => text.Map(PythonText.Upper(text.Text));

    public static StringValue Lower(StringValue text) => text.Map(PythonText.Lower(text.Text));

    public static StringValue Capitalize(StringValue text) => text.Map(PythonText.Capitalize(text.Text));

    /// <summary>Takes white space, or any of some characters, from the ends.</summary>
    public static StringValue Strip(StringValue text, string? chars, bool left, bool right)
    {
        string value = text.Text;
        (int start, int end) = (0, value.Length);
        while (left && start < end && Takes(value, start, chars) is int length and > 0) start += length;
        while (right && end > start && CodePoints.Before(value, end) is var before && Takes(value, before, chars) > 0) end = before;
        return text.Units(start, end - start);
    }

    public static StringValue Join(StringValue separator, Value items, Rendering rendering)
    {
        TextBuffer buffer = new(rendering);
        int index = 0;
        foreach (Value item in items.Elements(rendering))
        {
            if (index++ > 0) buffer.Append(separator);
            if (item is not StringValue text && !separator.IsMarkup) throw JinjaError.Type($"sequence item {index - 1}: expected str instance, {item.TypeName} found");
            buffer.Append(separator.IsMarkup ? Markup.Escape(item, rendering) : (StringValue)item);
        }

        return buffer.Build(separator.IsMarkup);
    }

    /// <summary>Replaces every occurrence, or the first ones.</summary>
    public static StringValue Replace(StringValue text, StringValue old, StringValue replacement, int most, Rendering rendering)
    {
        TextBuffer buffer = new(rendering);
        int done = 0;
        for (int count = 0; count != most; count++)
        {
            int at = old.Text.Length > 0 ? text.Text.IndexOf(old.Text, done, StringComparison.Ordinal)
                : count == 0 ? 0 : done < text.Text.Length ? done + CodePoints.Utf16Length(CodePoints.At(text.Text, done)) : -1;
            if (at < 0) break;
            rendering.Step();
            buffer.Append(text, done, at - done);
            buffer.Append(replacement);
            done = at + old.Text.Length;
        }

        buffer.Append(text, done, text.Text.Length - done);
        return buffer.Build(text.IsMarkup);
    }

    /// <summary>Whether there are cased letters and all are of one case.</summary>
    public static bool IsCase(string text, bool isUpper)
    {
        bool any = false;
        return PythonText.All(text, c =>
        {
            if (isUpper ? PythonText.IsLower(c) || PythonText.IsTitle(c) : PythonText.IsUpper(c) || PythonText.IsTitle(c)) return false;
            any |= isUpper ? PythonText.IsUpper(c) : PythonText.IsLower(c);
            return true;
        }) && any;
    }

    public static StringValue Text(Value value) => value switch
    {
        StringValue text => text,
        UndefinedValue => throw JinjaError.Type("must be str, not Undefined"),
        _ => throw JinjaError.Type($"must be str, not {value.TypeName}"),
    };

    private static StringValue Separator(StringValue text, Value separator, Rendering rendering) =>
        text.IsMarkup ? Markup.Escape(separator, rendering) : Text(separator);

    private static Method Plain(string name, Func<StringValue, Value> body) => (s, a, r) =>
    {
        a.Bind(name);
        r.ChargeText(s.Text.Length);
        return body(s);
    };

    private static Method Is(string name, Func<int, bool> holds) => Plain(name, s => BoolValue.Of(s.Text.Length > 0 && PythonText.All(s.Text, holds)));

    private static Arguments EscapeAll(Arguments arguments, string name, Rendering rendering)
    {
        if (name is "split" or "rsplit" or "format" or "format_map" or "join" or "startswith" or "endswith" or "find" or "rfind" or "index" or "rindex" or "count"
            or "removeprefix" or "removesuffix") return arguments;
        return new Arguments([.. arguments.Positional.Select(v => v is StringValue ? Markup.Escape(v, rendering) : v)],
            [.. arguments.Named.Select(n => new KeyValuePair<string, Value>(n.Key, n.Value is StringValue ? Markup.Escape(n.Value, rendering) : n.Value))]);
    }

    private static string? Chars(Arguments arguments, string name, Rendering rendering) => arguments.PositionalOnly(name).Bind(name, "chars?")[0] switch
    {
        null or NoneValue => null,
        StringValue text => text.Text,
        var other => throw JinjaError.Type($"{name} arg must be None or str, not {other.TypeName}"),
    };

    /// <summary>How many units of the code point here are taken; 0 when it stays.</summary>
    private static int Takes(string text, int at, string? chars)
    {
        if (chars is null) return PythonText.IsSpace(text[at]) ? 1 : 0;
        int length = CodePoints.Utf16Length(CodePoints.At(text, at));
        return chars.AsSpan().IndexOf(text.AsSpan(at, length)) >= 0 ? length : 0;
    }

    private delegate bool AffixTest(ReadOnlySpan<char> text, ReadOnlySpan<char> affix);

    private static bool HasAffix(StringValue text, Arguments arguments, string name, AffixTest test)
    {
        Value?[] bound = arguments.PositionalOnly(name).Bind(name, "prefix", "start?", "end?");
        (int start, int end) = Window(text, bound[1], bound[2], out bool isEmpty);
        IReadOnlyList<Value> affixes = bound[0] is TupleValue tuple ? tuple.Items : [bound[0]!];
        foreach (Value affix in affixes)
        {
            if (affix is not StringValue sought) throw JinjaError.Type($"{name} first arg must be str or a tuple of str, not {affix.TypeName}");
            if (!isEmpty && test(text.Text.AsSpan(start, end - start), sought.Text)) return true;
        }

        return false;
    }

    /// <summary>A part of the text between two indices, in units.</summary>
    private static (int Start, int End) Window(StringValue text, Value? start, Value? end, out bool isEmpty)
    {
        if (start is null or NoneValue && end is null or NoneValue)
        {
            isEmpty = false;
            return (0, text.Text.Length);
        }

        int count = text.Count;
        (int first, _, int length) = Sequences.Resolve(start, end, null, count);
        isEmpty = start is NumberValue { AsInteger: { } from } && from > count;
        return (text.UnitOf(first), text.UnitOf(first + length));
    }

    private static int Find(StringValue text, Arguments arguments, string name, bool fromRight)
    {
        Value?[] bound = arguments.PositionalOnly(name).Bind(name, "sub", "start?", "end?");
        string sought = Text(bound[0]!).Text;
        (int start, int end) = Window(text, bound[1], bound[2], out bool isEmpty);
        ReadOnlySpan<char> window = text.Text.AsSpan(start, end - start);
        int at = isEmpty ? -1 : fromRight ? window.LastIndexOf(sought) : window.IndexOf(sought);
        if (fromRight && sought.Length == 0 && !isEmpty) at = window.Length;
        return at < 0 ? -1 : text.CodePointOf(start + at);
    }

    private static IntValue Found(int index) => index >= 0 ? IntValue.Of(index) : throw JinjaError.Value("substring not found");

    private static IntValue Count(StringValue text, Arguments arguments)
    {
        Value?[] bound = arguments.PositionalOnly("count").Bind("count", "sub", "start?", "end?");
        string sought = Text(bound[0]!).Text;
        (int start, int end) = Window(text, bound[1], bound[2], out bool isEmpty);
        if (isEmpty) return IntValue.Of(0);
        if (sought.Length == 0) return IntValue.Of(text.CodePointOf(end) - text.CodePointOf(start) + 1);
        return IntValue.Of(text.Text.AsSpan(start, end - start).Count(sought));
    }

    private static StringValue Replace(StringValue text, Value?[] bound, Rendering rendering) =>
        Replace(text, Text(bound[0]!), Text(bound[1]!), bound[2] is null ? -1 : Math.Max(-1, Globals.Int32(bound[2]!)), rendering);

    private static StringValue Pad(StringValue text, Arguments arguments, string name, Rendering rendering)
    {
        Value?[] bound = arguments.PositionalOnly(name).Bind(name, "width", "fillchar?");
        int width = Globals.Int32(bound[0]!);
        StringValue fill = bound[1] is null ? new StringValue(" ") : Text(bound[1]!);
        if (fill.Count != 1) throw JinjaError.Type("The fill character must be exactly one character long");
        int missing = width - text.Count;
        if (missing <= 0) return text;
        rendering.CheckLength(width);
        // Python puts the odd one to the left where the width is odd.
        int left = name switch { "ljust" => 0, "rjust" => missing, _ => missing / 2 + (missing & width & 1) };
        TextBuffer buffer = new(rendering);
        for (int i = 0; i < left; i++) buffer.Append(fill);
        buffer.Append(text);
        for (int i = left; i < missing; i++) buffer.Append(fill);
        return buffer.Build(text.IsMarkup);
    }

    private static StringValue ZeroFill(StringValue text, int width, Rendering rendering)
    {
        int missing = width - text.Count;
        if (missing <= 0) return text;
        rendering.CheckLength(width);
        int sign = text.Text.Length > 0 && text.Text[0] is '+' or '-' ? 1 : 0;
        TextBuffer buffer = new(rendering);
        buffer.Append(text, 0, sign);
        buffer.Append(new string('0', missing));
        buffer.Append(text, sign, text.Text.Length - sign);
        return buffer.Build(text.IsMarkup);
    }

    private static StringValue ExpandTabs(StringValue text, int size, Rendering rendering)
    {
        TextBuffer buffer = new(rendering);
        int column = 0;
        for (int i = 0; i < text.Text.Length; i++)
        {
            char c = text.Text[i];
            if (c == '\t')
            {
                int spaces = size > 0 ? size - column % size : 0;
                rendering.CheckLength((long)buffer.Length + spaces);
                buffer.Append(new string(' ', spaces));
                column += spaces;
                continue;
            }

            buffer.Append(text, i, 1);
            column = c is '\n' or '\r' ? 0 : char.IsLowSurrogate(c) ? column : column + 1;
        }

        return buffer.Build(text.IsMarkup);
    }

    private static StringValue Translate(StringValue text, Value table, Rendering rendering)
    {
        TextBuffer buffer = new(rendering);
        for (int i = 0; i < text.Text.Length;)
        {
            int codePoint = CodePoints.At(text.Text, i);
            int length = CodePoints.Utf16Length(codePoint);
            switch (table.Item(IntValue.Of(codePoint), rendering))
            {
                case null:
                    buffer.Append(text, i, length);
                    break;
                case StringValue replacement:
                    buffer.Append(replacement);
                    break;
                case NumberValue { AsInteger: { Sign: >= 0 } code } when code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF):
                    buffer.Append(char.ConvertFromUtf32((int)code));
                    break;
                case NoneValue:
                    break;
                case var other:
                    throw JinjaError.Type($"character mapping must return integer, None or str, not {other.TypeName}");
            }

            i += length;
        }

        return buffer.Build(text.IsMarkup);
    }

    private static bool IsTitle(string text)
    {
        (bool any, bool afterCased) = (false, false);
        return PythonText.All(text, c =>
        {
            bool isUpper = PythonText.IsUpper(c) || PythonText.IsTitle(c);
            bool isLower = PythonText.IsLower(c);
            if ((isUpper && afterCased) || (isLower && !afterCased)) return false;
            any |= isUpper || isLower;
            afterCased = isUpper || isLower;
            return true;
        }) && any;
    }
}
