using System.Text.Json;

namespace LlmService.App.Http.OpenAi;

/// <summary>A field with one text or several, as text or as token ids.</summary>
internal static class PromptField
{
    /// <summary>How many texts the field has, as far as can be told without reading them; so many may be refused before they take time and memory.</summary>
    public static int Count(RequestReader reader, string name) =>
        reader.Element(name) is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() > 0 && list[0].ValueKind != JsonValueKind.Number ? list.GetArrayLength() : 1;

    /// <summary>Reads it.</summary>
    /// <exception cref="AppException">invalid_request.</exception>
    public static List<Prompt> Read(RequestReader reader, string name)
    {
        JsonElement field = reader.Element(name) ?? throw RequestReader.Invalid(name, $"'{name}' is missing.");
        if (field.ValueKind == JsonValueKind.String)
            return [new(RequestReader.Text(field, name), null)];
        if (field.ValueKind != JsonValueKind.Array || field.GetArrayLength() == 0)
            throw WrongType(name);
        return field[0].ValueKind switch
        {
            JsonValueKind.Number => [new(null, RequestReader.TokenIds(field, name))],
            JsonValueKind.String => [.. field.EnumerateArray().Select((e, i) => new Prompt(RequestReader.Text(e, $"{name}[{i}]"), null))],
            JsonValueKind.Array => [.. field.EnumerateArray().Select((e, i) => new Prompt(null, RequestReader.TokenIds(e, $"{name}[{i}]")))],
            _ => throw WrongType(name),
        };
    }

    private static AppException WrongType(string name) =>
        RequestReader.Invalid(name, $"'{name}' must be a string, an array of strings, an array of token ids, or an array of such arrays; not empty.");
}
