using System.Globalization;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Quotes texts for URLs.</summary>
internal static class UrlText
{
    /// <summary>A text is quoted; a dict or a list of pairs becomes a query.</summary>
    public static StringValue Encode(Value value, Rendering rendering)
    {
        if (value is StringValue || value.Iterate(rendering) is null) return Quote(value, isQuery: false, rendering);
        TextBuffer buffer = new(rendering);
        IEnumerable<Value> pairs = value is DictValue dict ? dict.Pairs : value.Elements(rendering);
        foreach (Value pair in pairs)
        {
            Value[] two = [.. pair.Elements(rendering)];
            if (two.Length != 2) throw JinjaError.Value($"{(two.Length < 2 ? "not enough" : "too many")} values to unpack (expected 2)");
            if (buffer.Length > 0) buffer.Append('&');
            buffer.Append(Quote(two[0], isQuery: true, rendering));
            buffer.Append('=');
            buffer.Append(Quote(two[1], isQuery: true, rendering));
        }

        return buffer.Build();
    }

    private static StringValue Quote(Value value, bool isQuery, Rendering rendering)
    {
        StringValue text = value.ToText(rendering);
        rendering.ChargeText(3L * text.Text.Length);
        System.Text.StringBuilder quoted = new(text.Text.Length);
        foreach (byte b in System.Text.Encoding.UTF8.GetBytes(text.Text))
        {
            char c = (char)b;
            if (char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-' or '~' || (c == '/' && !isQuery)) quoted.Append(c);
            else if (c == ' ' && isQuery) quoted.Append('+');
            else quoted.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
        }

        return text.Plain().Derive(quoted.ToString());
    }
}
