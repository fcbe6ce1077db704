using System.Buffers;

namespace LlmService.Tokenizers.Jinja.Builtins;

/// <summary>Filters that have to do with HTML.</summary>
internal static class MarkupFilters
{
    public static IReadOnlyList<Filter> All { get; } =
    [
        new("safe", [], (v, _, _, r) => v.ToText(r).WithMarkup(true)),
        new("escape", [], (v, _, _, r) => Markup.Escape(v, r)),
        new("forceescape", [], (v, _, _, r) => Markup.EscapeText(v.ToText(r), r)),
        new("striptags", [], (v, _, _, r) => HtmlText.StripTags(v.ToText(r))),
        new("xmlattr", ["autospace?"], (v, a, _, r) => XmlAttributes(v, a[0]?.Truth ?? true, r)),
        new("urlize", ["trim_url_limit?", "nofollow?", "target?", "rel?", "extra_schemes?"], (v, a, _, r) => UrlLinks.Make(v, a, r)),
    ];

    private static readonly SearchValues<char> NotInNames = SearchValues.Create(" \t\n\r\f\v/>=");

    private static StringValue XmlAttributes(Value value, bool autospace, Rendering rendering)
    {
        if (value is UndefinedValue undefined) throw undefined.Error();
        if (value is not DictValue dict) throw JinjaError.Type($"'{value.TypeName}' object has no attribute 'items'");
        TextBuffer buffer = new(rendering);
        foreach ((Value key, Value attribute) in dict.Entries)
        {
            if (attribute is NoneValue or UndefinedValue) continue;
            string name = StringMethods.Text(key).Text;
            if (name.AsSpan().ContainsAny(NotInNames)) throw JinjaError.Value($"Invalid character in attribute name: '{name}'");
            if (buffer.Length > 0 || autospace) buffer.Append(' ');
            buffer.Append(Markup.Escape(key, rendering));
            buffer.Append("=\"");
            buffer.Append(Markup.Escape(attribute, rendering));
            buffer.Append('"');
        }

        return buffer.Build(rendering.AutoEscape);
    }
}
