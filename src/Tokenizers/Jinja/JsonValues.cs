using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Turns JSON into values; its texts are data.</summary>
internal static class JsonValues
{
    private const int DeepestNesting = 64;

    /// <exception cref="JsonException">Nested too deeply.</exception>
    public static Value Read(JsonElement json) => Read(json, DeepestNesting);

    private static Value Read(JsonElement json, int depth)
    {
        if (depth == 0) throw new JsonException($"The values are nested deeper than {DeepestNesting}.");
        return json.ValueKind switch
        {
            JsonValueKind.String => StringValue.FromData(json.GetString()!),
            JsonValueKind.Number => Number(json),
            JsonValueKind.True => BoolValue.True,
            JsonValueKind.False => BoolValue.False,
            JsonValueKind.Array => new ListValue([.. json.EnumerateArray().Select(e => Read(e, depth - 1))]),
            JsonValueKind.Object => Dict(json, depth),
            _ => NoneValue.Instance,
        };
    }

    private static DictValue Dict(JsonElement json, int depth)
    {
        DictValue dict = new();
        foreach (JsonProperty property in json.EnumerateObject()) dict.Set(StringValue.FromData(property.Name), Read(property.Value, depth - 1));
        return dict;
    }

    private static NumberValue Number(JsonElement json)
    {
        if (json.TryGetInt64(out long integer)) return IntValue.Of(integer);
        string text = json.GetRawText();
        bool isInteger = text.AsSpan().IndexOfAny(".eE") < 0 && text.Length <= 4300;
        return isInteger ? IntValue.Of(BigInteger.Parse(text, CultureInfo.InvariantCulture)) : new FloatValue(json.GetDouble());
    }
}
