using System.Runtime.InteropServices;
using System.Text.Json;

namespace LlmService.Tokenizers.Models;

/// <summary>Reads a BPE model, with merges in today's spelling (arrays of two) and the older one (two tokens with a space between).</summary>
internal static class BpeReader
{
    public static BpeModel Read(JsonPart json)
    {
        json.AllowOnly("type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback",
            "ignore_merges", "vocab", "merges");
        // Dropout is noise for training; here it is off.
        if (json.Find("dropout") is JsonPart dropout && dropout.AsNumber() is < 0 or > 1) throw json.Get("dropout").Corrupt("must be a number from 0 to 1");
        Vocabulary vocabulary = Vocabulary.ReadMap(json.Get("vocab"));
        BpeSettings settings = new()
        {
            Unknown = json.OptionalString("unk_token"),
            FuseUnknown = json.Boolean("fuse_unk", absent: false),
            ByteFallback = json.Boolean("byte_fallback", absent: false),
            IgnoreMerges = json.Boolean("ignore_merges", absent: false),
            Prefix = json.OptionalString("continuing_subword_prefix") ?? "",
            Suffix = json.OptionalString("end_of_word_suffix") ?? "",
        };
        MergeReader merges = new(vocabulary, settings, json.Get("merges"));
        return new BpeModel(vocabulary, merges.Read(), settings with { MergesUnknown = merges.HasUnknown });
    }

    private sealed class MergeReader(Vocabulary vocabulary, BpeSettings settings, JsonPart json)
    {
        private readonly HashSet<int> _unknown = [.. vocabulary.FindByteTokens(), settings.Unknown is null ? -1 : vocabulary.Find(settings.Unknown)];
        private readonly MergeTable _merges = new(json.IsArray ? json.Element.GetArrayLength() : throw json.Corrupt("must be an array"));
        private char[] _joined = new char[256];

        public bool HasUnknown { get; private set; }

        public MergeTable Read()
        {
            Utf8JsonReader reader = new(JsonMarshal.GetRawUtf8Value(json.Element));
            reader.Read();
            using JsonText left = new(), right = new();
            int rank = 0;
            for (int item = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; item++)
            {
                JsonPart place = json.Item(item);
                if (reader.TokenType == JsonTokenType.String)
                {
                    ReadOnlySpan<char> line = left.Read(ref reader, place);
                    if (line.StartsWith("#version", StringComparison.Ordinal)) continue;
                    int space = line.IndexOf(' ');
                    if (space <= 0 || line.LastIndexOf(' ') != space) throw place.Corrupt("must be two tokens");
                    Add(line[..space], line[(space + 1)..], rank++, place);
                    continue;
                }

                if (reader.TokenType != JsonTokenType.StartArray) throw place.Corrupt("must be two tokens");
                ReadOnlySpan<char> first = NextString(ref reader, left, place), second = NextString(ref reader, right, place);
                if (!reader.Read() || reader.TokenType != JsonTokenType.EndArray) throw place.Corrupt("must be two tokens");
                Add(first, second, rank++, place);
            }

            return _merges;
        }

        private static ReadOnlySpan<char> NextString(ref Utf8JsonReader reader, JsonText text, JsonPart place) =>
            reader.Read() && reader.TokenType == JsonTokenType.String ? text.Read(ref reader, place) : throw place.Corrupt("must be two tokens");

        private void Add(ReadOnlySpan<char> left, ReadOnlySpan<char> right, int rank, JsonPart place)
        {
            if (right.Length < settings.Prefix.Length) throw place.Corrupt("lacks the prefix");
            ReadOnlySpan<char> tail = right[settings.Prefix.Length..];
            if (left.Length + tail.Length > _joined.Length) _joined = new char[(left.Length + tail.Length) * 2];
            left.CopyTo(_joined);
            tail.CopyTo(_joined.AsSpan(left.Length));
            int leftId = vocabulary.Find(left), rightId = vocabulary.Find(right), id = vocabulary.Find(_joined.AsSpan(0, left.Length + tail.Length));
            if (leftId < 0 || rightId < 0 || id < 0) throw place.Corrupt("names a token that the vocabulary lacks");
            HasUnknown |= _unknown.Contains(leftId) || _unknown.Contains(rightId);
            _merges.Set(leftId, rightId, rank, id);
        }
    }
}
