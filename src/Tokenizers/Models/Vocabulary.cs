using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace LlmService.Tokenizers.Models;

/// <summary>Tokens and their ids: one buffer of characters and an open hash table over it. Strings are made when someone asks for them.</summary>
internal sealed class Vocabulary
{
    /// <summary>Far above any real vocabulary; a hostile file must not reserve memory by naming a huge id.</summary>
    private const int MostIds = 16_000_000;

    private char[] _chars = new char[1024];
    private int[] _starts = new int[256];
    private int[] _ids = new int[256];
    private int[] _slots = new int[512];
    private int[] _entryOfId = [];
    private string?[] _strings = [];

    private Vocabulary()
    {
    }

    /// <summary>How many tokens there are; ids may have gaps.</summary>
    public int Count { get; private set; }

    /// <summary>How many characters the tokens have in all.</summary>
    public int Characters => _starts[Count];

    /// <summary>One more than the highest id.</summary>
    public int Size => _entryOfId.Length;

    /// <summary>The id of a token, or -1.</summary>
    public int Find(ReadOnlySpan<char> token)
    {
        int entry = _slots[Slot(token)];
        return entry > 0 ? _ids[entry - 1] : -1;
    }

    public string? TokenOf(int id)
    {
        if ((uint)id >= (uint)_entryOfId.Length || _entryOfId[id] == 0) return null;
        return _strings[id] ??= EntryText(_entryOfId[id] - 1).ToString();
    }

    /// <summary>The characters of a token; empty when there is none.</summary>
    public ReadOnlySpan<char> TextOf(int id) =>
        (uint)id < (uint)_entryOfId.Length && _entryOfId[id] > 0 ? EntryText(_entryOfId[id] - 1) : default;

    /// <summary>The characters of the n-th token that was read, and its id.</summary>
    public ReadOnlySpan<char> Entry(int index, out int id)
    {
        id = _ids[index];
        return EntryText(index);
    }

    /// <summary>Reads an object of token to id.</summary>
    public static Vocabulary ReadMap(JsonPart json)
    {
        if (!json.IsObject) throw json.Corrupt("must be an object");
        Utf8JsonReader reader = new(JsonMarshal.GetRawUtf8Value(json.Element));
        reader.Read();
        return ReadMap(ref reader, json);
    }

    /// <summary>Reads an object of token to id.</summary>
    /// <param name="reader">At the start of the object.</param>
    /// <param name="json">Where complaints place it.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Vocabulary ReadMap(ref Utf8JsonReader reader, JsonPart json)
    {
        Vocabulary vocabulary = new();
        using JsonText name = new();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            ReadOnlySpan<char> token = name.Read(ref reader, json);
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id) || id < 0)
                throw json.Corrupt($"gives '{token}' an id that is no number from 0 to 2147483647");
            if (id >= MostIds) throw json.Corrupt($"gives '{token}' the id {id}, which is out of range");
            vocabulary.Add(token, id);
        }

        return vocabulary.Finish();
    }

    /// <summary>Takes tokens with their ids; the last of equal ones is found.</summary>
    public static Vocabulary FromList(IEnumerable<(string Token, int Id)> tokens)
    {
        Vocabulary vocabulary = new();
        foreach ((string token, int id) in tokens) vocabulary.Append(token, id);
        return vocabulary.Finish();
    }

    /// <summary>Starts a vocabulary that is filled with <see cref="Add"/> and closed with <see cref="Finish"/>.</summary>
    public static Vocabulary Create() => new();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(ReadOnlySpan<char> token, int id)
    {
        int slot = Slot(token);
        if (_slots[slot] > 0) _ids[_slots[slot] - 1] = id;
        else Append(token, id);
    }

    /// <summary>Adds a token that may be there already: both keep their ids, and the last one is found.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Append(ReadOnlySpan<char> token, int id)
    {
        int slot = Slot(token);
        int start = Count == 0 ? 0 : _starts[Count];
        if (Count + 2 > _starts.Length) Array.Resize(ref _starts, _starts.Length * 2);
        if (Count == _ids.Length) Array.Resize(ref _ids, _ids.Length * 2);
        while (start + token.Length > _chars.Length) Array.Resize(ref _chars, _chars.Length * 2);
        token.CopyTo(_chars.AsSpan(start));
        _starts[Count + 1] = start + token.Length;
        _ids[Count++] = id;
        _slots[slot] = Count;
        if (Count * 2 > _slots.Length) Rehash();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public Vocabulary Finish()
    {
        int highest = -1;
        foreach (int id in _ids.AsSpan(0, Count)) highest = Math.Max(highest, id);
        _entryOfId = new int[highest + 1];
        _strings = new string?[highest + 1];
        for (int entry = 0; entry < Count; entry++) _entryOfId[_ids[entry]] = entry + 1;
        return this;
    }

    /// <summary>The ids of the 256 byte tokens; -1 for those that are absent.</summary>
    public int[] FindByteTokens() => [.. Enumerable.Range(0, 256).Select(b => Find(ByteAlphabet.FallbackToken(b)))];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ReadOnlySpan<char> EntryText(int entry) => new(_chars, _starts[entry], _starts[entry + 1] - _starts[entry]);

    /// <summary>Where a token stands in the table, or would.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Slot(ReadOnlySpan<char> token)
    {
        int mask = _slots.Length - 1;
        for (int slot = string.GetHashCode(token) & mask; ; slot = (slot + 1) & mask)
        {
            int entry = _slots[slot];
            if (entry == 0 || EntryText(entry - 1).SequenceEqual(token)) return slot;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Rehash()
    {
        _slots = new int[_slots.Length * 4];
        for (int entry = 0; entry < Count; entry++) _slots[Slot(EntryText(entry))] = entry + 1;
    }
}
