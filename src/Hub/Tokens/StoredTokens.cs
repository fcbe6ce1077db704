using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmService.Hub.Tokens;

/// <summary>The content of <c>stored_tokens</c>. The Python client writes it as INI, the Rust one as JSON; the format that was found is kept.</summary>
/// <remarks>What the file holds beyond our knowledge is kept too.</remarks>
internal sealed class StoredTokens
{
    private const int MaxTokens = 1000;
    private const int MaxDepth = 16;
    private const string TokenKey = "hf_token";
    private const string JsonTokenKey = "token";
    private const string RefreshKey = "refresh_token";
    private const string ExpiresKey = "expires_at";

    private readonly SortedDictionary<string, Dictionary<string, string>> _sections = new(StringComparer.Ordinal);

    // Only with JSON: the whole document.
    private readonly JsonObject? _root;

    private StoredTokens(JsonObject? root) => _root = root;

    /// <summary>An empty store, INI.</summary>
    public static StoredTokens Empty() => new(null);

    /// <summary>Reads the file's text; null when it is neither format.</summary>
    public static StoredTokens? TryParse(string text)
    {
        string content = text.TrimStart('\uFEFF').Trim();
        return content.StartsWith('{') ? TryParseJson(content) : TryParseIni(content);
    }

    /// <summary>The name that the file itself marks as active; only the JSON format has one.</summary>
    public string? Active => Text(_root?["active"]);

    /// <summary>The tokens, by name. Those that no header can carry are left out.</summary>
    public IReadOnlyList<StoredToken> Tokens => [.. _sections.Select(section => Read(section.Key, section.Value)).OfType<StoredToken>()];

    public StoredToken? Find(string name) => _sections.TryGetValue(name, out Dictionary<string, string>? values) ? Read(name, values) : null;

    /// <summary>Adds a token; one of the same name is replaced as a whole.</summary>
    public void Set(StoredToken token)
    {
        Dictionary<string, string> values = new(StringComparer.Ordinal) { [TokenKey] = token.Token.Reveal() };
        if (token.RefreshToken is { } refresh)
            values[RefreshKey] = refresh.Reveal();
        if (token.ExpiresAt is { } expires)
            values[ExpiresKey] = expires.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        _sections[token.Name] = values;
    }

    public bool Remove(string name) => _sections.Remove(name);

    public void Activate(string? name)
    {
        if (_root is not null)
            _root["active"] = name;
    }

    /// <summary>The file's text.</summary>
    public string Write() => _root is null ? WriteIni() : WriteJson();

    private static StoredToken? Read(string name, Dictionary<string, string> values)
    {
        if (Secret.Read(values.GetValueOrDefault(TokenKey)) is not { IsUsable: true } token)
            return null;
        bool expires = double.TryParse(values.GetValueOrDefault(ExpiresKey), NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds)
            && seconds is >= 0 and < 1e11;
        return new StoredToken(name, token)
        {
            RefreshToken = Secret.Read(values.GetValueOrDefault(RefreshKey)) is { IsUsable: true } refresh ? refresh : null,
            ExpiresAt = expires ? DateTimeOffset.FromUnixTimeSeconds((long)seconds) : null,
        };
    }

    // The dialect of Python's configparser without interpolation: '=' or ':', lower-case keys, '#' and ';' comments, indented lines continue.
    private static StoredTokens? TryParseIni(string content)
    {
        StoredTokens store = Empty();
        Dictionary<string, string>? section = null;
        string? key = null;
        foreach (string raw in content.Split('\n'))
        {
            string line = raw.Trim();
            if (line.Length == 0 || line[0] is '#' or ';')
                continue;
            if (line[0] == '[' && line[^1] == ']' && line.Length > 2)
            {
                section = store._sections.Count < MaxTokens ? new(StringComparer.Ordinal) : null;
                if (section is null || !store._sections.TryAdd(line[1..^1], section))
                    return null;
                key = null;
            }
            else if (section is not null && key is not null && char.IsWhiteSpace(raw[0]))
            {
                section[key] += line;
            }
            else if (section is not null && line.IndexOfAny(['=', ':']) is > 0 and var at)
            {
                key = line[..at].TrimEnd().ToLowerInvariant();
                section[key] = line[(at + 1)..].TrimStart();
            }
            else
            {
                return null;
            }
        }
        return store;
    }

    private string WriteIni()
    {
        StringBuilder text = new();
        foreach ((string name, Dictionary<string, string> values) in _sections)
        {
            text.Append('[').Append(name).Append("]\n");
            foreach ((string key, string value) in values)
                text.Append(key).Append(" = ").Append(value).Append('\n');
            text.Append('\n');
        }
        return text.ToString();
    }

    private static StoredTokens? TryParseJson(string content)
    {
        try
        {
            if (JsonNode.Parse(content, documentOptions: new JsonDocumentOptions { MaxDepth = MaxDepth }) is not JsonObject root)
                return null;
            StoredTokens store = new(root);
            if (root["tokens"] is not { } tokens)
                return store;
            if (tokens is not JsonObject { Count: <= MaxTokens } named)
                return null;
            foreach ((string name, JsonNode? entry) in named)
            {
                Dictionary<string, string> values = new(StringComparer.Ordinal);
                foreach ((string key, JsonNode? value) in entry as JsonObject ?? [])
                {
                    if (value is JsonValue && Text(value) is { } text)
                        values[key == JsonTokenKey ? TokenKey : key] = text;
                }
                store._sections[name] = values;
            }
            return store;
        }
        catch (Exception failure) when (failure is JsonException or ArgumentException)
        {
            // ArgumentException: a key that stands twice.
            return null;
        }
    }

    private string WriteJson()
    {
        JsonObject old = _root!["tokens"] as JsonObject ?? [];
        JsonObject tokens = [];
        foreach ((string name, Dictionary<string, string> values) in _sections)
        {
            JsonObject entry = old[name]?.DeepClone() as JsonObject ?? [];
            entry.Remove(RefreshKey);
            entry.Remove(ExpiresKey);
            entry[JsonTokenKey] = values.GetValueOrDefault(TokenKey);
            if (values.TryGetValue(RefreshKey, out string? refresh))
                entry[RefreshKey] = refresh;
            if (values.TryGetValue(ExpiresKey, out string? expires))
                entry[ExpiresKey] = long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds) ? seconds : expires;
            tokens[name] = entry;
        }
        _root["tokens"] = tokens;
        return _root.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n";
    }

    private static string? Text(JsonNode? node) => node?.GetValueKind() switch
    {
        JsonValueKind.String => node.GetValue<string>(),
        JsonValueKind.Number => node.ToJsonString(),
        _ => null,
    };
}
