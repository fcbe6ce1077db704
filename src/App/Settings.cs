using System.Text.Json;

namespace LlmService.App;

/// <summary>A value and where it came from.</summary>
/// <param name="Value">The value.</param>
/// <param name="Source">In words.</param>
/// <param name="IsOfProject">Whether a file of the working directory says so, which may have come with somebody's project.</param>
internal sealed record Setting(string Value, string Source, bool IsOfProject = false)
{
    // The value may be a secret.
    public override string ToString() => Source;
}

/// <summary>The layers that settings are looked up in: environment before <c>.env</c> before <c>appsettings.json</c>.</summary>
internal sealed class Settings
{
    private const long MaxFileBytes = 1 << 20;
    private const string JsonName = "appsettings.json";

    // No text has this code point.
    private const char HiddenDollar = '\uFDD0';

    private static readonly string ProgramFile = Path.Combine(AppContext.BaseDirectory, JsonName);

    private readonly IReadOnlyDictionary<string, string> _environment;
    private readonly Lock _dotEnvLock = new();
    private readonly List<(string Source, JsonElement Root)> _files = [];

    private (DateTime Changed, long Length) _dotEnvStamp;
    private Dictionary<string, string> _dotEnv = [];

    private Settings(IReadOnlyDictionary<string, string> environment, string dotEnvPath) => (_environment, DotEnvPath) = (environment, dotEnvPath);

    /// <summary>The path of <c>.env</c>, whether it exists or not.</summary>
    public string DotEnvPath { get; }

    /// <summary>Reads the files of the working directory and of the program's folder.</summary>
    /// <param name="context">Variables and folders.</param>
    /// <param name="mistakes">Receives a sentence for each file that cannot be read.</param>
    public static Settings Read(ProcessContext context, ICollection<string> mistakes)
    {
        Settings settings = new(context.Variables, Path.Combine(context.WorkingDirectory, ".env"));
        settings.ReadDotEnv(mistakes);
        string[] files = [Path.Combine(context.WorkingDirectory, JsonName), ProgramFile];
        foreach (string file in files.Distinct(StringComparer.Ordinal))
            settings.ReadJson(file, mistakes);
        return settings;
    }

    /// <summary>A variable of the environment; blank counts as unset.</summary>
    public Setting? FromEnvironment(string name) => Clean(_environment.GetValueOrDefault(name), $"environment variable {name}");

    /// <summary>A variable of <c>.env</c>; blank counts as unset.</summary>
    public Setting? FromDotEnv(string name) => Clean(_dotEnv.GetValueOrDefault(name), $"{name} in .env") is { } found ? found with { IsOfProject = true } : null;

    /// <summary>A variable of <c>.env</c> as the file is now; if it has become unreadable, as it was.</summary>
    public Setting? FromCurrentDotEnv(string name)
    {
        lock (_dotEnvLock)
        {
            if (Stamp() != _dotEnvStamp)
                ReadDotEnv([]);
            return FromDotEnv(name);
        }
    }

    /// <summary>An object of texts in <c>appsettings.json</c>; empty when there is none.</summary>
    public IReadOnlyDictionary<string, string> Map(string name, ICollection<string> mistakes)
    {
        Dictionary<string, string> map = new(StringComparer.OrdinalIgnoreCase);
        foreach ((string source, JsonElement root) in _files)
        {
            JsonProperty[] found = [.. root.EnumerateObject().Where(p => p.Name.Equals(name, StringComparison.OrdinalIgnoreCase))];
            if (found.Length == 0)
                continue;
            if (found is not [{ Value.ValueKind: JsonValueKind.Object } single] || single.Value.EnumerateObject().Any(p => p.Value.ValueKind != JsonValueKind.String))
                mistakes.Add($"{name} in {source} must be one object of texts.");
            else
                foreach (JsonProperty entry in single.Value.EnumerateObject())
                    map[entry.Name] = entry.Value.GetString()!;
            break;
        }
        return map;
    }

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
                return Clean(text, $"{name} in {source}") is { } found ? found with { IsOfProject = source != ProgramFile } : null;
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

    private (DateTime Changed, long Length) Stamp()
    {
        FileInfo file = new(DotEnvPath);
        return file.Exists ? (file.LastWriteTimeUtc, file.Length) : default;
    }

    private void ReadDotEnv(ICollection<string> mistakes)
    {
        string path = DotEnvPath;
        _dotEnvStamp = Stamp();
        if (!IsReadable(path, mistakes))
        {
            _dotEnv = [];
            return;
        }
        try
        {
            // Values are taken as they stand. The parser would put any variable of the process in the place of $NAME, and a .env that came
            // with a download could so send them to the endpoint that it chose: it never sees a dollar sign.
            string content = File.ReadAllText(path).TrimStart('\uFEFF').Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
            Dictionary<string, string> values = new(StringComparer.Ordinal);
            foreach ((string key, string value) in DotNetEnv.Env.LoadContents(content.Replace('$', HiddenDollar), DotNetEnv.LoadOptions.NoEnvVars()))
                values[key] = value.Replace(HiddenDollar, '$');
            _dotEnv = values;
        }
        catch (UnauthorizedAccessException)
        {
            mistakes.Add($"'{path}' cannot be read; check its permissions.");
        }
        catch (Exception e) when (e is Sprache.ParseException or IOException or FormatException)
        {
            // The parser's own message may quote the line, and with it a secret.
            mistakes.Add($"'{path}' cannot be read: every line must be NAME=value, a comment or empty.");
        }
    }

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
