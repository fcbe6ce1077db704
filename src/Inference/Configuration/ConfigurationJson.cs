using System.Text.Json;

namespace LlmService.Inference.Configuration;

/// <summary>One JSON object of a configuration file. A field that is absent or null takes its default; one of the wrong kind or out of range is a damaged file.</summary>
internal readonly struct ConfigurationJson
{
    private const long LargestFileBytes = 64 << 20;

    private readonly JsonElement _object;
    private readonly string _file;
    private readonly string _prefix;

    private ConfigurationJson(JsonElement element, string file, string prefix)
    {
        _object = element;
        _file = file;
        _prefix = prefix;
    }

    /// <summary>Reads a file; null when it does not exist.</summary>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public static ConfigurationJson? TryRead(string path)
    {
        string file = Path.GetFileName(path);
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            if (stream.Length > LargestFileBytes) throw Corrupt(file, null, $"{file} is damaged: it has {stream.Length} bytes, a configuration has at most {LargestFileBytes}.");
            using JsonDocument document = JsonDocument.Parse(stream);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw Corrupt(file, null, $"{file} is damaged: expected a JSON object, found {Describe(document.RootElement)}.");
            return new ConfigurationJson(document.RootElement.Clone(), file, "");
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException exception)
        {
            throw Corrupt(file, null, $"{file} is damaged: it is not valid JSON (line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}).", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Corrupt(file, null, $"{file} cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>Whether the field is there and not null.</summary>
    public bool Has(string name) => TryGet(name, out _);

    public int? Int32(string name, int least = int.MinValue, int most = int.MaxValue)
    {
        if (!TryGet(name, out JsonElement value)) return null;

        // Some writers store whole numbers as 1.0.
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number)
            && number == Math.Floor(number) && number >= least && number <= most)
            return (int)number;
        throw Wrong(name, least == int.MinValue && most == int.MaxValue ? "a whole number" : $"a whole number from {least} to {most}", value);
    }

    public int RequiredInt32(string name, int least, int most) => Int32(name, least, most) ?? throw Missing(name, "a whole number");

    public float? Single(string name, float least = float.MinValue, float most = float.MaxValue)
    {
        if (!TryGet(name, out JsonElement value)) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= least && number <= most)
            return (float)number;
        throw Wrong(name, least == float.MinValue && most == float.MaxValue ? "a number" : $"a number from {least} to {most}", value);
    }

    public float RequiredSingle(string name, float least, float most) => Single(name, least, most) ?? throw Missing(name, "a number");

    public bool? Boolean(string name)
    {
        if (!TryGet(name, out JsonElement value)) return null;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Wrong(name, "true or false", value);
    }

    public string? Text(string name)
    {
        if (!TryGet(name, out JsonElement value)) return null;
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Wrong(name, "a string", value);
    }

    public IReadOnlyList<string>? Texts(string name)
    {
        if (!TryGet(name, out JsonElement value)) return null;
        if (value.ValueKind != JsonValueKind.Array) throw Wrong(name, "a list of strings", value);
        List<string> texts = [];
        foreach (JsonElement item in value.EnumerateArray())
            texts.Add(item.ValueKind == JsonValueKind.String ? item.GetString()! : throw Wrong(name, "a list of strings", item));
        return texts;
    }

    /// <summary>Token ids, written as one number or as a list.</summary>
    public IReadOnlyList<int>? TokenIds(string name)
    {
        if (!TryGet(name, out JsonElement value)) return null;
        if (value.ValueKind != JsonValueKind.Array) return [TokenId(name, value)];
        List<int> ids = [];
        foreach (JsonElement item in value.EnumerateArray()) ids.Add(TokenId(name, item));
        return ids;
    }

    public ConfigurationJson? Object(string name)
    {
        if (!TryGet(name, out JsonElement value)) return null;
        return value.ValueKind == JsonValueKind.Object
            ? new ConfigurationJson(value, _file, $"{_prefix}{name}.")
            : throw Wrong(name, "an object", value);
    }

    /// <summary>A field of a known kind has a value that contradicts the rest.</summary>
    public InferenceException Contradiction(string name, string expected, string found) =>
        Corrupt(_file, _prefix + name, $"{_file} is damaged: the field '{_prefix}{name}' should be {expected}, it is {found}.");

    /// <summary>A field has a value that would change the arithmetic in a way that is not built.</summary>
    public InferenceException Unsupported(string name, string value, string supported) =>
        new(InferenceFailure.UnsupportedModelType, $"{_file} asks for '{_prefix}{name}' = {value}, which this engine does not compute; it knows {supported}. An access token does not change that.")
        {
            File = _file,
            Field = _prefix + name,
            Remedy = "Choose another model, or a variant of this one without that setting.",
        };

    private bool TryGet(string name, out JsonElement value) =>
        _object.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    private int TokenId(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int id) ? id : throw Wrong(name, "a token id or a list of token ids", value);

    private InferenceException Wrong(string name, string expected, JsonElement found) => Contradiction(name, expected, Describe(found));

    private InferenceException Missing(string name, string expected) => Contradiction(name, expected, "absent");

    private static InferenceException Corrupt(string file, string? field, string message, Exception? inner = null) =>
        new(InferenceFailure.CorruptModel, message, inner) { File = file, Field = field, Remedy = "Download the file again." };

    private static string Describe(JsonElement value)
    {
        string text = value.GetRawText();
        return text.Length <= 60 ? text : $"{text.AsSpan(0, 60)}…";
    }
}
