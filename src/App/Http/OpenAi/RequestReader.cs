using System.Globalization;
using System.Text.Json;

namespace LlmService.App.Http.OpenAi;

/// <summary>Reads the fields of a request with their types and ranges. A null is like an absent field; nothing is dropped in silence.</summary>
internal sealed class RequestReader
{
    private const int MaxWarnings = 20;
    private const int MaxNameLength = 64;

    private readonly JsonElement _body;
    private readonly List<string> _unknown = [];

    /// <summary>Checks every field of the body against the endpoint's table.</summary>
    /// <exception cref="AppException">unsupported_parameter; invalid_request.</exception>
    public RequestReader(JsonElement body, FieldTable fields)
    {
        _body = body;
        foreach (JsonProperty property in body.EnumerateObject())
        {
            string name = Name(property);
            if (property.Value.ValueKind == JsonValueKind.Null || fields.Accepts(name))
                continue;
            if (fields.Refuses(name, property.Value))
                throw Unsupported(name, $"This service does not do what '{name}' asks for.", "Leave the field out.");
            if (!fields.Knows(name))
                Warn(name);
        }
    }

    /// <summary>The fields that were ignored because nobody knows them, fit for a header; null when there are none.</summary>
    public string? Warnings => _unknown.Count == 0 ? null : $"unknown fields ignored: {string.Join(", ", _unknown)}";

    /// <summary>Notes a field, by its path, that is ignored.</summary>
    public void Warn(string path)
    {
        if (_unknown.Count < MaxWarnings)
            _unknown.Add(Printable(path));
        else if (_unknown.Count == MaxWarnings)
            _unknown.Add("...");
    }

    /// <summary>A field that is there and not null.</summary>
    public JsonElement? Element(string name) =>
        _body.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public string? String(string name) => Element(name) is { } value ? Text(value, name) : null;

    public bool? Boolean(string name) => Element(name)?.ValueKind switch
    {
        null => null,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        { } kind => throw Invalid(name, $"'{name}' must be true or false, not {Describe(kind)}."),
    };

    public int? Integer(string name, int min, int max = int.MaxValue)
    {
        if (Element(name) is not { } value)
            return null;
        string range = $"an integer from {min} to {max}";
        if (value.ValueKind != JsonValueKind.Number)
            throw Invalid(name, $"'{name}' must be {range}, not {Describe(value.ValueKind)}.");
        return value.TryGetInt64(out long number) && number >= min && number <= max
            ? (int)number
            : throw Invalid(name, $"'{name}' must be {range}, not {Excerpt(value)}.");
    }

    /// <summary>An integer that goes by several names; where more than one of them is there, they must agree.</summary>
    public int? Integer(IReadOnlyList<string> names, int min)
    {
        (string Name, int? Value)[] given = [.. names.Select(name => (name, Integer(name, min))).Where(field => field.Item2 is not null)];
        return given.DistinctBy(field => field.Value).Count() < 2
            ? given.FirstOrDefault().Value
            : throw Invalid(names[0], $"'{given[0].Name}' and '{given.First(field => field.Value != given[0].Value).Name}' are two names of one value, and their values differ.");
    }

    /// <summary>One token id, or an array of them.</summary>
    public IReadOnlyList<int>? TokenIds(string name) => Element(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } id => [TokenId(id, name)],
        { ValueKind: JsonValueKind.Array } ids when ids.GetArrayLength() == 0 => [],
        { } ids => TokenIds(ids, name),
    };

    public float? Number(string name, double min, double max = float.MaxValue) =>
        Element(name) is { } value ? Number(value, name, min, max) : null;

    /// <summary>A number in [min, max]. NaN and infinity are not JSON; a literal too large for a number is out of range.</summary>
    public static float Number(JsonElement value, string path, double min, double max = float.MaxValue)
    {
        // The largest number that is computed with is a bound that hardly anybody needs to be told of.
        string range = max < float.MaxValue || (value.ValueKind == JsonValueKind.Number && (!value.TryGetDouble(out double given) || given > max))
            ? string.Create(CultureInfo.InvariantCulture, $"a number from {min} to {max:G9}")
            : string.Create(CultureInfo.InvariantCulture, $"a number of at least {min}");
        if (value.ValueKind != JsonValueKind.Number)
            throw Invalid(path, $"'{path}' must be {range}, not {Describe(value.ValueKind)}.");
        return value.TryGetDouble(out double number) && number >= min && number <= max
            ? (float)number
            : throw Invalid(path, $"'{path}' must be {range}, not {Excerpt(value)}.");
    }

    /// <summary>The text of a string.</summary>
    /// <exception cref="AppException">invalid_request: another type, or half a surrogate pair.</exception>
    public static string Text(JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw Invalid(path, $"'{path}' must be a string, not {Describe(value.ValueKind)}.");
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw Invalid(path, $"'{path}' has half a surrogate pair (\\ud800 to \\udfff), which is no character.", e);
        }
    }

    /// <summary>A token id.</summary>
    public static int TokenId(JsonElement value, string path) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int id) && id >= 0
            ? id
            : throw Invalid(path, $"'{path}' must hold token ids, which are integers of at least 0.");

    /// <summary>An array of at least one token id.</summary>
    public static int[] TokenIds(JsonElement ids, string path) => ids.ValueKind == JsonValueKind.Array && ids.GetArrayLength() > 0
        ? [.. ids.EnumerateArray().Select(id => TokenId(id, path))]
        : throw Invalid(path, $"'{path}' must be an array of at least one token id.");

    public static string Name(JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException e)
        {
            throw new AppException(FailureCode.InvalidRequest, "A field name has half a surrogate pair (\\ud800 to \\udfff), which is no character.", e);
        }
    }

    public static AppException Invalid(string parameter, string message, Exception? inner = null) =>
        new(FailureCode.InvalidRequest, message, inner) { Parameter = parameter };

    public static AppException Unsupported(string parameter, string message, string? remedy = null) =>
        new(FailureCode.UnsupportedParameter, message) { Parameter = parameter, Remedy = remedy };

    public static string Describe(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => "null",
    };

    private static string Excerpt(JsonElement number)
    {
        string text = number.GetRawText();
        return text.Length <= 40 ? text : text[..40] + "...";
    }

    // A header holds printable ASCII only, and what a client sends must not end one or begin another.
    private static string Printable(string name)
    {
        string safe = string.Concat(name.Take(MaxNameLength).Select(c => c is > ' ' and <= '~' and not ',' ? c : '?'));
        return name.Length > MaxNameLength ? safe + "..." : safe;
    }
}
