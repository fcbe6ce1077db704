using System.Text.Json;

namespace LlmService.Inference.Configuration;

/// <summary>Reads fields of a model's JSON file; every mistake names file, field, what was expected and what was found.</summary>
internal sealed class ConfigReader
{
    private const long MaxFileBytes = 16 << 20;
    private const int MaxQuoted = 60;

    private readonly string _path;
    private readonly JsonElement _root;
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);

    private ConfigReader(string path, JsonElement root)
    {
        _path = path;
        _root = root;
    }

    /// <summary>A reader of the same file where fields go by other names, as the configuration classes of some architectures have it.</summary>
    /// <param name="names">The usual name and the one of this architecture.</param>
    public ConfigReader Naming(params ReadOnlySpan<(string Usual, string Own)> names)
    {
        ConfigReader reader = new(_path, _root);
        foreach ((string usual, string own) in names)
            reader._names[usual] = own;
        return reader;
    }

    /// <summary>Opens a JSON file that holds a list of objects; null when it is not there.</summary>
    /// <exception cref="InferenceException">CorruptModel when it is anything else.</exception>
    public static IReadOnlyList<ConfigReader>? OpenList(string path) => Read(path) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Array } list when list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object) => [.. list.EnumerateArray().Select(item => new ConfigReader(path, item))],
        _ => throw new InferenceException(InferenceFailure.CorruptModel, $"'{path}' must hold a list of JSON objects.") { File = path },
    };

    /// <summary>Opens a JSON file; null when it is not there.</summary>
    /// <exception cref="InferenceException">CorruptModel when it is not one JSON object.</exception>
    public static ConfigReader? Open(string path) => Read(path) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } root => new ConfigReader(path, root),
        _ => throw new InferenceException(InferenceFailure.CorruptModel, $"'{path}' must hold one JSON object.") { File = path },
    };

    private static JsonElement? Read(string path)
    {
        FileInfo file = new(path);
        if (!file.Exists)
            return null;
        if (file.Length > MaxFileBytes)
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{path}' has {file.Length} bytes; at most {MaxFileBytes} were expected.") { File = path };
        try
        {
            return StrictJson.Parse(File.ReadAllBytes(path), maxDepth: 64);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{path}' cannot be read: {e.Message}", e) { File = path };
        }
        catch (JsonException e)
        {
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{path}' is not JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine}).", e) { File = path };
        }
    }

    public bool Has(string field) => Find(field) is not null;

    /// <summary>Whether a field is there, be it null.</summary>
    public bool Mentions(string field) => _root.TryGetProperty(NameOf(field), out _);

    /// <summary>A bound: what the file says, none (0) where it says null, the default where it says nothing.</summary>
    public float CapOrDefault(string field, float usual) => Mentions(field) ? Number(field, 1e-3, 1e6) ?? 0 : usual;

    /// <summary>A whole number that may be below zero, for none; null when absent.</summary>
    public int? SignedInteger(string field, int highest) => Find(field) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt32(out int number) && number < 0 ? number : Integer(field, 0, highest);

    /// <summary>How many fields an object has; null when absent.</summary>
    public int? Count(string field, int most) => Object(field)?._root.EnumerateObject().Count() switch
    {
        null or 0 => null,
        int count when count <= most => count,
        _ => throw Wrong(field, $"an object of at most {most} fields", Find(field)!.Value),
    };

    /// <summary>A list of texts that is written as [[texts, how often], …]; null when absent.</summary>
    public IReadOnlyList<string>? RepeatedTexts(string field, int most)
    {
        if (Find(field) is not { } value)
            return null;
        List<string> texts = [];
        foreach (JsonElement item in value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : throw Wrong(field, "a list", value))
        {
            if (item.ValueKind != JsonValueKind.Array || item.GetArrayLength() != 2 || item[0].ValueKind != JsonValueKind.Array || item[1].ValueKind != JsonValueKind.Number
                || !item[1].TryGetInt32(out int times) || times < 0 || (long)times * item[0].GetArrayLength() > most || item[0].EnumerateArray().Any(text => text.ValueKind != JsonValueKind.String))
                throw Wrong(field, $"a list of pairs of kinds and how often they follow each other, {most} in all", value);
            for (int i = 0; i < times; i++)
                texts.AddRange(item[0].EnumerateArray().Select(text => text.GetString()!));
        }
        return texts;
    }

    public JsonElement? Find(string field) =>
        _root.TryGetProperty(NameOf(field), out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>A reader of an object inside this one; null when absent.</summary>
    public ConfigReader? Object(string field) => Find(field) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } value => new ConfigReader(_path, value),
        { } value => throw Wrong(field, "an object", value),
    };

    /// <summary>Readers of the objects inside of an object; none when it is absent.</summary>
    public IEnumerable<ConfigReader> Objects(string field) =>
        Object(field)?._root.EnumerateObject().Select(entry => entry.Value.ValueKind == JsonValueKind.Object ? new ConfigReader(_path, entry.Value) : throw Wrong(field, "objects by name", entry.Value)) ?? [];

    public int RequiredInteger(string field, int lowest, int highest) =>
        Integer(field, lowest, highest) ?? throw new InferenceException(InferenceFailure.CorruptModel, $"'{_path}': the field '{NameOf(field)}' is missing; a whole number from {lowest} to {highest} was expected.") { File = _path, Field = NameOf(field) };

    public int? Integer(string field, int lowest, int highest)
    {
        if (Find(field) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number == Math.Floor(number) && number >= lowest && number <= highest)
            return (int)number;
        throw Wrong(field, $"a whole number from {lowest} to {highest}", value);
    }

    public float? Number(string field, double lowest, double highest) => (float?)Exact(field, lowest, highest);

    /// <summary>A number to which counts are multiplied: rounded to a float, some products would fall short of a whole number that they reach, or reach one.</summary>
    public double? Exact(string field, double lowest, double highest)
    {
        if (Find(field) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= lowest && number <= highest)
            return number;
        throw Wrong(field, $"a number from {lowest} to {highest}", value);
    }

    public bool? Boolean(string field) => Find(field) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } value => throw Wrong(field, "true or false", value),
    };

    public string? Text(string field) => Find(field) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        { } value => throw Wrong(field, "a text", value),
    };

    /// <summary>A list of texts; null when absent.</summary>
    public IReadOnlyList<string>? Texts(string field) => Find(field) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Array } value when value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String) => [.. value.EnumerateArray().Select(v => v.GetString()!)],
        { } value => throw Wrong(field, "a list of texts", value),
    };

    /// <summary>A list of whole numbers; null when absent.</summary>
    public IReadOnlyList<int>? Integers(string field, int lowest, int highest, int most)
    {
        if (Find(field) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() <= most && value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.Number && v.TryGetInt32(out int number) && number >= lowest && number <= highest))
            return [.. value.EnumerateArray().Select(v => v.GetInt32())];
        throw Wrong(field, $"a list of at most {most} whole numbers from {lowest} to {highest}", value);
    }

    /// <summary>A list of numbers; null when absent.</summary>
    public float[]? Numbers(string field, double lowest, double highest, int most)
    {
        if (Find(field) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() <= most
            && value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.Number && v.TryGetDouble(out double number) && number >= lowest && number <= highest))
            return [.. value.EnumerateArray().Select(v => (float)v.GetDouble())];
        throw Wrong(field, $"a list of at most {most} numbers from {lowest} to {highest}", value);
    }

    /// <summary>Refuses a field with any value but those under which the architecture is built.</summary>
    /// <param name="field">The field; absent or null is as good as the first value.</param>
    /// <param name="known">The values, as JSON has them.</param>
    public void Require(string field, params ReadOnlySpan<string> known)
    {
        if (Find(field) is { } value && !known.Contains(value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText()))
            throw Unsupported(field, value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText(), string.Join(", ", known.ToArray()));
    }

    /// <summary>One token id or a list of them; null when absent.</summary>
    public IReadOnlyList<int>? TokenIds(string field)
    {
        if (Find(field) is not { } value)
            return null;
        IEnumerable<JsonElement> items = value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [value];
        List<int> ids = [];
        foreach (JsonElement item in items)
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out int id))
                throw Wrong(field, "a token id or a list of token ids", value);
            if (id >= 0)
                ids.Add(id);
        }
        return ids;
    }

    /// <summary>What the file calls a field: the architecture's own name, or the usual one where only that is there.</summary>
    public string NameOf(string field) =>
        _names.TryGetValue(field, out string? own) && (_root.TryGetProperty(own, out _) || !_root.TryGetProperty(field, out _)) ? own : field;

    /// <summary>A text of the file as it may stand in a message.</summary>
    public static string Quote(string text) => text.Length > MaxQuoted ? text[..MaxQuoted] + "…" : text;

    public InferenceException Unsupported(string field, string value, string known) =>
        new(InferenceFailure.UnsupportedModelType, $"'{_path}': {NameOf(field)} '{Quote(value)}' is not supported; known are {known}. A token changes nothing about this.") { File = _path, Field = NameOf(field) };

    public InferenceException Wrong(string field, string expected, JsonElement found)
    {
        return new(InferenceFailure.CorruptModel, $"'{_path}': the field '{NameOf(field)}' must be {expected}, and is {Quote(found.GetRawText())}.") { File = _path, Field = NameOf(field) };
    }
}
