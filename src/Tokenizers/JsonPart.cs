using System.Text.Json;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers;

/// <summary>A value of a JSON file that knows its path, so that every complaint names its place.</summary>
internal readonly struct JsonPart(JsonElement element, string path, string file, int index = -1)
{
    private readonly string _path = path;

    public JsonElement Element { get; } = element;

    /// <summary>Spelled out on demand: files have hundreds of thousands of items, and few are complained about.</summary>
    public string Path => index < 0 ? _path : $"{_path}[{index}]";

    public string File { get; } = file;

    public bool IsNull => Element.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    public bool IsString => Element.ValueKind == JsonValueKind.String;

    public bool IsObject => Element.ValueKind == JsonValueKind.Object;

    public bool IsArray => Element.ValueKind == JsonValueKind.Array;

    public TokenizerException Corrupt(string what) => Failure(TokenizerFailure.Corrupt, what);

    public TokenizerException Unsupported(string what) => Failure(TokenizerFailure.Unsupported, what);

    /// <summary>A member, or null when it is absent or null.</summary>
    public JsonPart? Find(string name)
    {
        if (!IsObject) throw Corrupt("must be an object");
        return Element.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null
            ? new JsonPart(value, $"{Path}.{name}", File)
            : null;
    }

    public JsonPart Get(string name) =>
        Find(name) ?? throw new JsonPart(default, $"{Path}.{name}", File).Corrupt("is missing");

    public string AsString()
    {
        if (!IsString) throw Corrupt("must be a string");
        try
        {
            return Element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Corrupt("is not a valid string");
        }
    }

    /// <summary>A string of one code point.</summary>
    public string AsCharacter()
    {
        string text = AsString();
        return text.Length > 0 && text.Length == CodePoints.Utf16Length(CodePoints.At(text, 0)) ? text : throw Corrupt("must be one character");
    }

    public bool AsBoolean() => Element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Corrupt("must be true or false"),
    };

    public int AsCount() =>
        Element.ValueKind == JsonValueKind.Number && Element.TryGetInt32(out int value) && value >= 0
            ? value
            : throw Corrupt("must be a number from 0 to 2147483647");

    public double AsNumber() =>
        Element.ValueKind == JsonValueKind.Number && Element.TryGetDouble(out double value) && double.IsFinite(value)
            ? value
            : throw Corrupt("must be a finite number");

    public bool Boolean(string name) => Get(name).AsBoolean();

    public bool Boolean(string name, bool absent) => Find(name)?.AsBoolean() ?? absent;

    public string String(string name) => Get(name).AsString();

    public string? OptionalString(string name) => Find(name)?.AsString();

    /// <summary>A member that is one of the names of an enum.</summary>
    public T OneOf<T>(string name, T absent)
        where T : struct, Enum
    {
        if (Find(name) is not JsonPart part) return absent;
        string text = part.AsString();
        return Enum.GetNames<T>().Contains(text) ? Enum.Parse<T>(text) : throw part.Unsupported($"is '{text}', which this library does not know");
    }

    public IEnumerable<JsonPart> Items()
    {
        if (!IsArray) throw Corrupt("must be an array");
        string path = Path;
        int i = 0;
        foreach (JsonElement item in Element.EnumerateArray()) yield return new JsonPart(item, path, File, i++);
    }

    /// <summary>The place of an item, for complaints.</summary>
    public JsonPart Item(int item) => new(default, Path, File, item);

    public IEnumerable<(string Name, JsonPart Value)> Members()
    {
        if (!IsObject) throw Corrupt("must be an object");
        foreach (JsonProperty member in Element.EnumerateObject()) yield return (NameOf(member), new JsonPart(member.Value, Path, File));
    }

    /// <summary>Refuses members that this library does not know: dropping one in silence would change the ids.</summary>
    public void AllowOnly(params ReadOnlySpan<string> names)
    {
        foreach ((string name, _) in Members())
            if (!names.Contains(name)) throw new JsonPart(default, $"{Path}.{name}", File).Unsupported("is a setting that this library does not know");
    }

    private string NameOf(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            throw Corrupt("has a name that is not a valid string");
        }
    }

    private TokenizerException Failure(TokenizerFailure failure, string what) =>
        new(failure, $"{File}: {Path} {what}.") { File = File, JsonPath = Path };
}
