using System.Globalization;

namespace LlmService.Tokenizers.Jinja.Builtins;

/// <summary>An attribute by which filters map, sort and group: names and indices with points between them.</summary>
internal sealed class AttributePath
{
    private readonly IReadOnlyList<Value> _parts;
    private readonly bool _isSensitive;
    private readonly Value? _default;

    private AttributePath(IReadOnlyList<Value> parts, bool isSensitive, Value? otherwise)
    {
        _parts = parts;
        _isSensitive = isSensitive;
        _default = otherwise is NoneValue ? null : otherwise;
    }

    /// <summary>Without an attribute the value itself.</summary>
    public static AttributePath Of(Value? attribute, bool isSensitive, Value? otherwise = null) => new(Parts(attribute), isSensitive, otherwise);

    /// <summary>Several, with commas between them.</summary>
    public static AttributePath[] Several(Value? attribute, bool isSensitive) => attribute is StringValue text
        ? [.. text.Text.Split(',').Select(p => Of(new StringValue(p), isSensitive))]
        : [Of(attribute, isSensitive)];

    public Value Get(Value item, Rendering rendering)
    {
        rendering.Step();
        foreach (Value part in _parts)
        {
            item = Members.Item(item, part, rendering);
            if (_default is not null && item is UndefinedValue) item = _default;
        }

        return Fold(item, _isSensitive);
    }

    /// <summary>Texts in lower case, unless case matters.</summary>
    public static Value Fold(Value value, bool isSensitive) => !isSensitive && value is StringValue text ? StringMethods.Lower(text) : value;

    private static IReadOnlyList<Value> Parts(Value? attribute) => attribute switch
    {
        null or NoneValue => [],
        StringValue text => [.. text.Text.Split('.').Select(Part)],
        _ => [attribute],
    };

    private static Value Part(string part) => part.Length > 0 && part.All(char.IsAsciiDigit) && int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int index)
        ? IntValue.Of(index)
        : new StringValue(part);
}
