using System.Text.Json;

namespace LlmService.Inference.Configuration;

/// <summary>Reads fields of a model's JSON file; every mistake names file, field, what was expected and what was found.</summary>
internal sealed class ConfigReader
{
    private const long MaxFileBytes = 16 << 20;
    private const int MaxQuoted = 60;

    private readonly string _path;
    private readonly JsonElement _root;

    private ConfigReader(string path, JsonElement root)
    {
        _path = path;
        _root = root;
    }

    /// <summary>Opens a JSON file; null when it is not there.</summary>
    /// <exception cref="InferenceException">CorruptModel when it is not one JSON object.</exception>
    public static ConfigReader? Open(string path)
    {
        FileInfo file = new(path);
        if (!file.Exists)
            return null;
        if (file.Length > MaxFileBytes)
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{path}' has {file.Length} bytes; at most {MaxFileBytes} were expected.") { File = path };
        try
        {
            JsonElement root = StrictJson.Parse(File.ReadAllBytes(path), maxDepth: 64);
            if (root.ValueKind == JsonValueKind.Object)
                return new ConfigReader(path, root);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{path}' cannot be read: {e.Message}", e) { File = path };
        }
        catch (JsonException e)
        {
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{path}' is not JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine}).", e) { File = path };
        }
        throw new InferenceException(InferenceFailure.CorruptModel, $"'{path}' must hold one JSON object.") { File = path };
    }

    public bool Has(string field) => Find(field) is not null;

    public JsonElement? Find(string field) =>
        _root.TryGetProperty(field, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

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
        Integer(field, lowest, highest) ?? throw new InferenceException(InferenceFailure.CorruptModel, $"'{_path}': the field '{field}' is missing; a whole number from {lowest} to {highest} was expected.") { File = _path, Field = field };

    public int? Integer(string field, int lowest, int highest)
    {
        if (Find(field) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number == Math.Floor(number) && number >= lowest && number <= highest)
            return (int)number;
        throw Wrong(field, $"a whole number from {lowest} to {highest}", value);
    }

    public float? Number(string field, double lowest, double highest)
    {
        if (Find(field) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= lowest && number <= highest)
            return (float)number;
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

    /// <summary>A text of the file as it may stand in a message.</summary>
    public static string Quote(string text) => text.Length > MaxQuoted ? text[..MaxQuoted] + "…" : text;

    public InferenceException Unsupported(string field, string value, string known) =>
        new(InferenceFailure.UnsupportedModelType, $"'{_path}': {field} '{Quote(value)}' is not supported; known are {known}. A token changes nothing about this.") { File = _path, Field = field };

    public InferenceException Wrong(string field, string expected, JsonElement found)
    {
        return new(InferenceFailure.CorruptModel, $"'{_path}': the field '{field}' must be {expected}, and is {Quote(found.GetRawText())}.") { File = _path, Field = field };
    }
}
