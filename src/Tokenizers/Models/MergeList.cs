using System.Runtime.CompilerServices;
using System.Text.Json;

namespace LlmService.Tokenizers.Models;

/// <summary>The merges of a BPE model in the order of their rank, in today's spelling (arrays of two) or the older one (two tokens with a space between).</summary>
internal sealed class MergeList
{
    private readonly Vocabulary _vocabulary;
    private readonly string _prefix;
    private readonly PooledList<Merge> _merges = new();
    private char[] _joined = new char[256];
    private int _expected = -1;

    private MergeList(Vocabulary vocabulary, string prefix)
    {
        _vocabulary = vocabulary;
        _prefix = prefix;
    }

    private readonly record struct Merge(int Left, int Right, int Joined);

    /// <summary>Reads an array of merges.</summary>
    /// <param name="reader">At the start of the array.</param>
    /// <param name="json">Where complaints place it.</param>
    /// <param name="prefix">What the right side of a merge loses.</param>
    // A file is read before the runtime would compile a second time what it runs often, here and wherever the attribute stands.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static MergeList Read(ref Utf8JsonReader reader, JsonPart json, Vocabulary vocabulary, string prefix)
    {
        MergeList list = new(vocabulary, prefix);
        using JsonText left = new(), right = new();
        for (int item = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; item++)
        {
            JsonPart place = json.Item(item);
            if (reader.TokenType == JsonTokenType.String)
            {
                ReadOnlySpan<char> line = left.Read(ref reader, place);
                if (line.StartsWith("#version", StringComparison.Ordinal)) continue;
                int space = line.IndexOf(' ');
                if (space <= 0 || line.LastIndexOf(' ') != space) throw place.Corrupt("must be two tokens");
                list.Add(line[..space], line[(space + 1)..], place);
                continue;
            }

            if (reader.TokenType != JsonTokenType.StartArray) throw place.Corrupt("must be two tokens");
            ReadOnlySpan<char> first = NextString(ref reader, left, place), second = NextString(ref reader, right, place);
            if (!reader.Read() || reader.TokenType != JsonTokenType.EndArray) throw place.Corrupt("must be two tokens");
            list.Add(first, second, place);
        }

        return list;
    }

    /// <summary>Whether one of some tokens is merged with another.</summary>
    public bool HasAny(IEnumerable<int> ids)
    {
        HashSet<int> sought = [.. ids];
        bool[] merged = new bool[_vocabulary.Size];
        foreach (Merge merge in _merges.Span) merged[merge.Left] = merged[merge.Right] = true;
        return sought.Any(id => id >= 0 && merged[id]);
    }

    /// <summary>Moves the merges into a table; the list is empty afterwards.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public MergeTable ToTable()
    {
        ReadOnlySpan<Merge> merges = _merges.Span;
        MergeTable table = new(merges.Length);
        for (int rank = 0; rank < merges.Length; rank++) table.Set(merges[rank].Left, merges[rank].Right, rank, merges[rank].Joined);
        _merges.Release();
        return table;
    }

    private static ReadOnlySpan<char> NextString(ref Utf8JsonReader reader, JsonText text, JsonPart place) =>
        reader.Read() && reader.TokenType == JsonTokenType.String ? text.Read(ref reader, place) : throw place.Corrupt("must be two tokens");

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Add(ReadOnlySpan<char> left, ReadOnlySpan<char> right, JsonPart place)
    {
        if (right.Length < _prefix.Length) throw place.Corrupt("lacks the prefix");
        ReadOnlySpan<char> tail = right[_prefix.Length..];
        if (left.Length + tail.Length > _joined.Length) _joined = new char[(left.Length + tail.Length) * 2];
        left.CopyTo(_joined);
        tail.CopyTo(_joined.AsSpan(left.Length));
        int leftId = _vocabulary.Find(left), rightId = _vocabulary.Find(right), id = FindJoined(_joined.AsSpan(0, left.Length + tail.Length));
        if (leftId < 0 || rightId < 0 || id < 0) throw place.Corrupt("names a token that the vocabulary lacks");
        _merges.Add(new Merge(leftId, rightId, id));
    }

    /// <summary>Tokens are numbered as they were merged, so the next one mostly stands behind the last one.</summary>
    private int FindJoined(ReadOnlySpan<char> token)
    {
        int id = _expected >= 0 && _vocabulary.TextOf(_expected).SequenceEqual(token) ? _expected : _vocabulary.Find(token);
        _expected = id + 1;
        return id;
    }
}
