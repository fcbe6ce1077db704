using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Models;

/// <summary>Byte pair encoding: characters first, then merges in the order of their rank.</summary>
internal sealed class BpeModel : Model
{
    private readonly MergeTable _merges;
    private readonly PieceCache _cache = new();
    private readonly int[] _byteIds;
    private readonly int[] _lowIds = new int[0x180];
    private BpeWord? _spare;

    private BpeModel(Vocabulary vocabulary, MergeTable merges)
        : base(vocabulary)
    {
        _merges = merges;
        _byteIds = vocabulary.FindByteTokens();
        for (int c = 0; c < _lowIds.Length; c++) _lowIds[c] = vocabulary.Find([(char)c]);
    }

    private int UnknownId { get; init; } = -1;

    private bool FuseUnknown { get; init; }

    private bool ByteFallback { get; init; }

    private bool IgnoreMerges { get; init; }

    private string Prefix { get; init; } = "";

    private string Suffix { get; init; } = "";

    public static BpeModel Create(JsonPart json)
    {
        json.AllowOnly("type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback",
            "ignore_merges", "vocab", "merges");
        if (json.Find("dropout") is JsonPart dropout && dropout.AsNumber() != 0) throw dropout.Unsupported("asks for random merges");
        Vocabulary vocabulary = Vocabulary.ReadMap(json.Get("vocab"));
        string prefix = json.OptionalString("continuing_subword_prefix") ?? "";
        return new BpeModel(vocabulary, ReadMerges(json.Get("merges"), vocabulary, prefix))
        {
            UnknownId = json.OptionalString("unk_token") is string unknown ? vocabulary.Find(unknown) : -1,
            FuseUnknown = json.Boolean("fuse_unk", absent: false),
            ByteFallback = json.Boolean("byte_fallback", absent: false),
            IgnoreMerges = json.Boolean("ignore_merges", absent: false),
            Prefix = prefix,
            Suffix = json.OptionalString("end_of_word_suffix") ?? "",
        };
    }

    public override void Tokenize(ReadOnlySpan<char> piece, List<Token> output)
    {
        if (IgnoreMerges && Vocabulary.Find(piece) is int whole and >= 0)
        {
            output.Add(new Token(whole, 0, piece.Length, null));
            return;
        }

        if (_cache.TryGet(piece, out Token[]? known))
        {
            output.AddRange(known!);
            return;
        }

        int from = output.Count;
        // One word is kept for the next call; a second caller at the same time makes its own.
        BpeWord word = Interlocked.Exchange(ref _spare, null) ?? new BpeWord();
        word.Clear();
        AddSymbols(piece, word);
        word.Merge(_merges);
        Collect(piece, word.Symbols, output);
        Volatile.Write(ref _spare, word);
        _cache.Add(piece, output, from);
    }

    private static MergeTable ReadMerges(JsonPart json, Vocabulary vocabulary, string prefix)
    {
        if (!json.IsArray) throw json.Corrupt("must be an array");
        MergeTable merges = new(json.Element.GetArrayLength());
        int rank = 0;
        foreach (JsonPart merge in json.Items())
        {
            (string left, string right) = ReadMerge(merge);
            string joined = right.StartsWith(prefix, StringComparison.Ordinal) ? left + right[prefix.Length..] : throw merge.Corrupt("lacks the prefix");
            int leftId = vocabulary.Find(left), rightId = vocabulary.Find(right), id = vocabulary.Find(joined);
            if (leftId < 0 || rightId < 0 || id < 0) throw merge.Corrupt("names a token that the vocabulary lacks");
            merges.Set(leftId, rightId, rank++, id);
        }

        return merges;
    }

    /// <summary>Today a merge is an array of two, in older files a string with a space between.</summary>
    private static (string Left, string Right) ReadMerge(JsonPart json)
    {
        if (json.IsString)
        {
            string text = json.AsString();
            int space = text.IndexOf(' ');
            return space > 0 && text.LastIndexOf(' ') == space ? (text[..space], text[(space + 1)..]) : throw json.Corrupt("must be two tokens");
        }

        if (!json.IsArray || json.Element.GetArrayLength() != 2) throw json.Corrupt("must be two tokens");
        return (json.Inner(0).AsString(), json.Inner(1).AsString());
    }

    private void AddSymbols(ReadOnlySpan<char> piece, BpeWord word)
    {
        int unknownBytes = 0;
        for (int i = 0; i < piece.Length;)
        {
            int codePoint = CodePoints.At(piece, i);
            int next = i + CodePoints.Utf16Length(codePoint);
            int bytes = CodePoints.Utf8Length(codePoint);
            int id = SymbolId(piece, i, next);
            if (id >= 0)
            {
                if (unknownBytes > 0) word.Add(UnknownId, unknownBytes);
                unknownBytes = 0;
                word.Add(id, bytes);
            }
            else if (!(ByteFallback && AddBytes(piece, i, next, word)) && UnknownId >= 0)
            {
                if (unknownBytes > 0 && !FuseUnknown)
                {
                    word.Add(UnknownId, unknownBytes);
                    unknownBytes = 0;
                }

                unknownBytes += bytes;
            }

            i = next;
        }

        if (unknownBytes > 0) word.Add(UnknownId, unknownBytes);
    }

    private int SymbolId(ReadOnlySpan<char> piece, int start, int end)
    {
        bool decorated = (Prefix.Length > 0 && start > 0) || (Suffix.Length > 0 && end == piece.Length);
        if (!decorated) return piece[start] < _lowIds.Length ? _lowIds[piece[start]] : Vocabulary.Find(piece[start..end]);
        return Vocabulary.Find(Decorate(piece, start, end));
    }

    private string Decorate(ReadOnlySpan<char> piece, int start, int end) =>
        string.Concat(start > 0 ? Prefix : "", piece[start..end], end == piece.Length ? Suffix : "");

    private bool AddBytes(ReadOnlySpan<char> piece, int start, int end, BpeWord word)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(Decorate(piece, start, end));
        foreach (byte b in bytes)
            if (_byteIds[b] < 0) return false;
        foreach (byte b in bytes) word.Add(_byteIds[b], 1);
        return true;
    }

    /// <summary>Symbols count bytes; a token covers every character that one of its bytes belongs to.</summary>
    private static void Collect(ReadOnlySpan<char> piece, ReadOnlySpan<BpeWord.Symbol> symbols, List<Token> output)
    {
        int charStart = 0, charEnd = 0, bytesAtEnd = 0, position = 0;
        foreach (BpeWord.Symbol symbol in symbols)
        {
            if (symbol.Bytes == 0) continue;
            Advance(piece, position, ref charStart, ref charEnd, ref bytesAtEnd);
            int start = charStart;
            position += symbol.Bytes;
            Advance(piece, position - 1, ref charStart, ref charEnd, ref bytesAtEnd);
            output.Add(new Token(symbol.Id, start, Math.Max(charEnd, start), null));
        }
    }

    /// <summary>Moves on to the character that holds a byte.</summary>
    private static void Advance(ReadOnlySpan<char> piece, int position, ref int charStart, ref int charEnd, ref int bytesAtEnd)
    {
        while (bytesAtEnd <= position && charEnd < piece.Length)
        {
            int codePoint = CodePoints.At(piece, charEnd);
            charStart = charEnd;
            charEnd += CodePoints.Utf16Length(codePoint);
            bytesAtEnd += CodePoints.Utf8Length(codePoint);
        }
    }
}
