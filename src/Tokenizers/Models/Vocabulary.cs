namespace LlmService.Tokenizers.Models;

/// <summary>Tokens and their ids.</summary>
internal sealed class Vocabulary
{
    /// <summary>Far above any real vocabulary; a hostile file must not reserve memory by naming a huge id.</summary>
    private const int MostIds = 16_000_000;

    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _bySpan;
    private readonly string?[] _tokens;

    private Vocabulary(Dictionary<string, int> ids, string?[] tokens)
    {
        _ids = ids;
        _bySpan = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _tokens = tokens;
    }

    /// <summary>How many tokens there are; ids may have gaps.</summary>
    public int Count => _ids.Count;

    /// <summary>One more than the highest id.</summary>
    public int Size => _tokens.Length;

    public IEnumerable<KeyValuePair<string, int>> Entries => _ids;

    /// <summary>The id of a token, or -1.</summary>
    public int Find(ReadOnlySpan<char> token) => _bySpan.TryGetValue(token, out int id) ? id : -1;

    public string? TokenOf(int id) => (uint)id < (uint)_tokens.Length ? _tokens[id] : null;

    /// <summary>Reads an object of token to id.</summary>
    public static Vocabulary ReadMap(JsonPart json)
    {
        Dictionary<string, int> ids = new(StringComparer.Ordinal);
        int highest = -1;
        foreach ((string name, JsonPart value) in json.Members())
        {
            int id = value.AsCount();
            if (id >= MostIds) throw json.Corrupt($"gives '{name}' the id {id}, which is out of range");
            ids[name] = id;
            highest = Math.Max(highest, id);
        }

        string?[] tokens = new string?[highest + 1];
        foreach ((string token, int id) in ids) tokens[id] = token;
        return new Vocabulary(ids, tokens);
    }

    /// <summary>Takes tokens whose id is their place.</summary>
    public static Vocabulary FromList(List<string> tokens)
    {
        Dictionary<string, int> ids = new(tokens.Count, StringComparer.Ordinal);
        for (int id = 0; id < tokens.Count; id++) ids[tokens[id]] = id;
        return new Vocabulary(ids, [.. tokens]);
    }

    /// <summary>The ids of the 256 byte tokens; -1 for those that are absent.</summary>
    public int[] FindByteTokens() => [.. Enumerable.Range(0, 256).Select(b => Find(ByteAlphabet.FallbackToken(b)))];
}
