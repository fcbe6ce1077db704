using System.Globalization;
using System.Text.Json;

namespace LlmService.Tokenizers.Conversion;

/// <summary>What the files beside a vocabulary say: <c>tokenizer_config.json</c>, <c>special_tokens_map.json</c>, <c>added_tokens.json</c> and, for the
/// kind of model, <c>config.json</c>.</summary>
internal sealed class RepositorySettings
{
    private static readonly string[] SpecialNames = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    private readonly Dictionary<string, AddedToken> _specialTokens = new(StringComparer.Ordinal);
    private readonly Dictionary<string, bool> _flags = new(StringComparer.Ordinal);
    private readonly List<AddedToken> _moreSpecialTokens = [];
    private readonly SortedDictionary<int, AddedToken> _added = [];

    private RepositorySettings(string folder) => Folder = folder;

    public string Folder { get; }

    /// <summary>The class of the reference that reads the vocabulary, without "Fast"; null when nothing tells.</summary>
    public string? TokenizerClass { get; private set; }

    public string? ModelType { get; private set; }

    public static RepositorySettings Load(string folder)
    {
        RepositorySettings settings = new(folder);
        settings.Read("special_tokens_map.json", settings.ReadSpecialTokens);
        settings.Read("tokenizer_config.json", settings.ReadConfiguration);
        settings.Read("config.json", settings.ReadModel);
        settings.Read("added_tokens.json", settings.ReadAddedTokens);
        return settings;
    }

    public string PathOf(string name) => Path.Combine(Folder, name);

    public bool Has(string name) => File.Exists(PathOf(name));

    /// <summary>A setting that is true or false.</summary>
    public bool Flag(string name, bool absent) => _flags.GetValueOrDefault(name, absent);

    /// <summary>A special token as the files have it, or else as the class has it.</summary>
    public string? Token(string name, string? absent) => _specialTokens.TryGetValue(name, out AddedToken? token) ? token.Content : absent;

    /// <summary>The added tokens in the order in which the reference adds them: those with ids, then the special ones that are new.</summary>
    /// <param name="defaults">The special tokens of the class.</param>
    public IEnumerable<AddedToken> AddedTokens(IReadOnlyDictionary<string, AddedToken> defaults)
    {
        foreach (AddedToken token in _added.Values) yield return token;
        HashSet<string> known = new(_added.Values.Select(token => token.Content), StringComparer.Ordinal);
        foreach (string name in SpecialNames)
        {
            AddedToken? token = _specialTokens.GetValueOrDefault(name) ?? defaults.GetValueOrDefault(name);
            if (token is not null && known.Add(token.Content)) yield return token;
        }

        foreach (AddedToken token in _moreSpecialTokens)
            if (known.Add(token.Content)) yield return token;
    }

    /// <summary>A special token that nothing else is said of.</summary>
    public static AddedToken Special(string content) => new(content, SingleWord: false, LStrip: false, RStrip: false, Normalized: false, Special: true);

    private void Read(string name, Action<JsonPart> read)
    {
        string path = PathOf(name);
        if (!File.Exists(path)) return;
        using JsonDocument document = TokenizerJson.ParseDocument(TokenizerJson.ReadFile(path), path);
        read(new JsonPart(document.RootElement, "$", path));
    }

    private void ReadConfiguration(JsonPart json)
    {
        TokenizerClass = WithoutFast(json.OptionalString("tokenizer_class"));
        foreach ((string name, JsonPart value) in json.Members())
            if (value.Element.ValueKind is JsonValueKind.True or JsonValueKind.False) _flags[name] = value.AsBoolean();
        if (json.Find("added_tokens_decoder") is JsonPart added)
        {
            foreach ((string id, JsonPart token) in added.Members())
            {
                if (!int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out int number)) throw added.Corrupt($"has the key '{id}', which is no token id");
                _added[number] = ReadToken(token, special: token.Boolean("special", absent: false));
            }
        }

        ReadSpecialTokens(json);
    }

    private void ReadModel(JsonPart json)
    {
        TokenizerClass ??= WithoutFast(json.OptionalString("tokenizer_class"));
        ModelType = json.OptionalString("model_type");
    }

    private void ReadSpecialTokens(JsonPart json)
    {
        foreach (string name in SpecialNames)
            if (json.Find(name) is JsonPart token) _specialTokens[name] = ReadToken(token, special: true);
        if (json.Find("additional_special_tokens") is not JsonPart more) return;
        _moreSpecialTokens.Clear();
        foreach (JsonPart token in more.Items()) _moreSpecialTokens.Add(ReadToken(token, special: true));
    }

    /// <summary>The older file: token to id. What tokenizer_config.json says of an id goes before.</summary>
    private void ReadAddedTokens(JsonPart json)
    {
        HashSet<string> special = new(_specialTokens.Values.Concat(_moreSpecialTokens).Select(token => token.Content), StringComparer.Ordinal);
        foreach ((string content, JsonPart id) in json.Members())
        {
            bool isSpecial = special.Contains(content);
            _added.TryAdd(id.AsCount(), new AddedToken(content, SingleWord: false, LStrip: false, RStrip: false, Normalized: !isSpecial, Special: isSpecial));
        }
    }

    /// <summary>A token is a string, or an object with its flags.</summary>
    private static AddedToken ReadToken(JsonPart json, bool special)
    {
        if (!json.IsObject) return Special(json.AsString()) with { Special = special };
        return new AddedToken(json.String("content"), json.Boolean("single_word", absent: false), json.Boolean("lstrip", absent: false),
            json.Boolean("rstrip", absent: false), json.Boolean("normalized", absent: !special), special);
    }

    private static string? WithoutFast(string? name) => name?.EndsWith("Fast", StringComparison.Ordinal) == true ? name[..^4] : name;
}
