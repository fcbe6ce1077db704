using System.Globalization;
using System.Text.Json;
using LlmService.Tokenizers;
using LlmService.Tokenizers.Chat;

namespace LlmService.App.Cli;

/// <summary>Answers lines of JSON with what a template makes of them. One bad line never stops the rest.</summary>
internal sealed class TemplateLines
{
    private readonly ChatTemplate? _template;
    private readonly Exception? _failure;
    private readonly TimeProvider _clock;

    /// <param name="load">Gives the template; what it throws is the answer to every line.</param>
    /// <param name="clock">What tells the time to lines that do not.</param>
    public TemplateLines(Func<ChatTemplate> load, TimeProvider clock)
    {
        _clock = clock;
        try
        {
            _template = load();
        }
        catch (Exception e) when (e is TemplateException or TokenizerException or AppException)
        {
            _failure = e;
        }
    }

    /// <summary>An object with <c>text</c>, or with <c>error</c>, <c>line</c> and <c>column</c>.</summary>
    public string Answer(string line)
    {
        try
        {
            return _failure is null ? JsonLines.Write(json => json.WriteString("text", Render(_template!, line, _clock).Text)) : WriteError(_failure);
        }
        catch (Exception e) when (e is TemplateException or AppException)
        {
            return WriteError(e);
        }
    }

    /// <summary>Renders what a JSON text says: an object of variables, or an array of messages.</summary>
    /// <exception cref="AppException">invalid_request.</exception>
    /// <exception cref="TemplateException">The template does not accept it.</exception>
    public static RenderedChat Render(ChatTemplate template, string json, TimeProvider clock)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            DateTime now = clock.GetLocalNow().DateTime;
            Dictionary<string, JsonElement> variables = new(StringComparer.Ordinal) { ["tools"] = JsonElement.Parse("null"), ["documents"] = JsonElement.Parse("null") };
            foreach ((string name, JsonElement value) in Variables(document.RootElement))
            {
                if (name == "now")
                    now = ReadTime(value);
                else
                    variables[name] = value;
            }
            return template.Render(variables, now);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            throw Invalid(e.Message, e);
        }
    }

    private static IEnumerable<(string Name, JsonElement Value)> Variables(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => json.EnumerateObject().Select(p => (p.Name, p.Value)),
        JsonValueKind.Array => [("messages", json), ("add_generation_prompt", JsonElement.Parse("true"))],
        _ => throw Invalid("a JSON object with 'messages' is expected"),
    };

    private static DateTime ReadTime(JsonElement value) =>
        value.ValueKind == JsonValueKind.String && DateTime.TryParse(value.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTime time)
            ? time
            : throw Invalid("'now' must be a local time such as 2024-07-26T13:37:05");

    private static string WriteError(Exception exception) => JsonLines.Write(json =>
    {
        TemplateException? template = exception as TemplateException;
        json.WriteString("error", template?.Reason ?? exception.Message);
        WritePlace(json, "line", template?.Line);
        WritePlace(json, "column", template?.Column);
    });

    private static void WritePlace(Utf8JsonWriter json, string name, int? place)
    {
        if (place is { } known)
            json.WriteNumber(name, known);
        else
            json.WriteNull(name);
    }

    private static AppException Invalid(string message, Exception? inner = null) => new(FailureCode.InvalidRequest, message, inner);
}
