using System.Text.Json;

namespace LlmService.App;

/// <summary>A value and where it came from.</summary>
internal sealed record Setting(string Value, string Source);

/// <summary>The layers that settings are looked up in: environment before <c>.env</c> before <c>appsettings.json</c>.</summary>
internal sealed class Settings
{
    private const long MaxFileBytes = 1 << 20;

    private readonly IReadOnlyDictionary<string, string> _environment;
    private readonly Dictionary<string, string> _dotEnv = new(StringComparer.Ordinal);
    private readonly List<(string Source, JsonElement Root)> _files = [];

    private Settings(IReadOnlyDictionary<string, string> environment) => _environment = environment;

    /// <summary>Reads the files of the working directory and of the program's folder.</summary>
    /// <param name="context">Variables and folders.</param>
    /// <param name="mistakes">Receives a sentence for each file that cannot be read.</param>
    public static Settings Read(ProcessContext context, ICollection<string> mistakes)
    {
        Settings settings = new(context.Variables);
        settings.ReadDotEnv(Path.Combine(context.WorkingDirectory, ".env"), mistakes);
        string[] folders = [context.WorkingDirectory, AppContext.BaseDirectory];
        foreach (string file in folders.Select(f => Path.Combine(f, "appsettings.json")).Distinct(StringComparer.Ordinal))
            settings.ReadJson(file, mistakes);
        return settings;
    }

    /// <summary>A variable of the environment; blank counts as unset.</summary>
    public Setting? FromEnvironment(string name) => Clean(_environment.GetValueOrDefault(name), $"environment variable {name}");

    /// <summary>A variable of <c>.env</c>; blank counts as unset.</summary>
    public Setting? FromDotEnv(string name) => Clean(_dotEnv.GetValueOrDefault(name), $"{name} in .env");

    /// <summary>A variable of the environment, else of <c>.env</c>.</summary>
    public Setting? Variable(string name) => FromEnvironment(name) ?? FromDotEnv(name);

    /// <summary>A variable of the environment, else of <c>.env</c>, else a field of <c>appsettings.json</c>.</summary>
    public Setting? Find(string? variable, string field) => (variable is null ? null : Variable(variable)) ?? Field(field);

    /// <summary>A switch: true for 1, on, yes, true in any case, as the Hub's own tools read them.</summary>
    public bool IsOn(string variable) => Variable(variable)?.Value.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE";

    /// <summary>The texts of an object of <c>appsettings.json</c> as they stand, line ends and all; of several files the first that has a text counts.</summary>
    /// <param name="mistakes">Receives a sentence for each thing that is no text.</param>
    public IReadOnlyDictionary<string, Setting> Section(string name, ICollection<string> mistakes)
    {
        Dictionary<string, Setting> texts = new(StringComparer.Ordinal);
        foreach ((string source, JsonElement root) in _files)
        {
            if (!root.TryGetProperty(name, out JsonElement section) || section.ValueKind == JsonValueKind.Null)
                continue;
            if (section.ValueKind != JsonValueKind.Object)
            {
                mistakes.Add($"{name} in {source}: an object is expected.");
                continue;
            }
            foreach (JsonProperty field in section.EnumerateObject().Where(f => f.Value.ValueKind != JsonValueKind.Null))
            {
                string place = $"{name}.{field.Name} in {source}";
                if (field.Value.ValueKind == JsonValueKind.String)
                    texts.TryAdd(field.Name, new(field.Value.GetString()!, place));
                else
                    mistakes.Add($"{place}: a text is expected.");
            }
        }
        return texts;
    }

    private Setting? Field(string name)
    {
        foreach ((string source, JsonElement root) in _files)
        {
            if (root.TryGetProperty(name, out JsonElement value) && value.ValueKind is not JsonValueKind.Null)
            {
                string text = value.ValueKind == JsonValueKind.Array
                    ? string.Join(',', value.EnumerateArray().Select(v => v.ToString()))
                    : value.ToString();
                return Clean(text, $"{name} in {source}");
            }
        }
        return null;
    }

    /// <summary>Strips space, line ends and one pair of quotes; null when nothing is left.</summary>
    public static Setting? Clean(string? value, string source)
    {
        string text = (value ?? "").Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal).Trim();
        if (text.Length >= 2 && text[0] == text[^1] && text[0] is '"' or '\'' && text.Length >= 2)
            text = text[1..^1].Trim();
        return text.Length == 0 ? null : new(text, source);
    }

    private void ReadDotEnv(string path, ICollection<string> mistakes)
    {
        if (!IsReadable(path, mistakes))
            return;
        try
        {
            // Values are taken as they stand, without interpolation: a token may hold a dollar sign.
            foreach ((string key, string value) in DotNetEnv.Env.LoadContents(Escape(File.ReadAllText(path)), DotNetEnv.LoadOptions.NoEnvVars()))
                _dotEnv[key] = value;
        }
        catch (Exception e) when (e is Sprache.ParseException or IOException or UnauthorizedAccessException or FormatException)
        {
            // The parser's own message may quote the line, and with it a secret.
            mistakes.Add($"'{path}' cannot be read: every line must be NAME=value, a comment or empty.");
        }
    }

    private static string Escape(string content) =>
        content.TrimStart('\uFEFF').Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n').Replace("$", "\\$", StringComparison.Ordinal);

    private void ReadJson(string path, ICollection<string> mistakes)
    {
        if (!IsReadable(path, mistakes))
            return;
        try
        {
            JsonDocumentOptions options = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path), options);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                mistakes.Add($"'{path}' must hold one JSON object.");
            else
                _files.Add((path, document.RootElement.Clone()));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            mistakes.Add($"'{path}' cannot be read; check its permissions.");
        }
        catch (JsonException e)
        {
            mistakes.Add($"'{path}' is not JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine}).");
        }
    }

    private static bool IsReadable(string path, ICollection<string> mistakes)
    {
        FileInfo file = new(path);
        if (!file.Exists)
            return false;
        if (file.Length <= MaxFileBytes)
            return true;
        mistakes.Add($"'{path}' is larger than {MaxFileBytes} bytes.");
        return false;
    }
}
