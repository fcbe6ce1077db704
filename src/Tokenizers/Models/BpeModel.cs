using System.Buffers;
using System.Runtime.CompilerServices;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Models;

/// <summary>Byte pair encoding: characters first, then merges in the order of their rank.</summary>
internal sealed class BpeModel : Model
{
    private readonly MergeTable _merges;
    private readonly BpeSettings _settings;
    private readonly PieceCache _cache = new();
    private readonly int[] _byteIds;
    private readonly int[] _lowIds = new int[0x180];
    private readonly int _unknownId;

    /// <summary>Null when a merge may reach across characters that no token has side by side.</summary>
    private readonly PairTable? _pairs;
    private readonly bool _overBytes;

    /// <summary>Whether characters can get lost. What stands behind them then moves up, so a text is not cut.</summary>
    private readonly bool _dropsUnknown;
    private BpeWord? _spare;

    public BpeModel(Vocabulary vocabulary, MergeTable merges, BpeSettings settings)
        : base(vocabulary)
    {
        _merges = merges;
        _settings = settings;
        _byteIds = vocabulary.FindByteTokens();
        _unknownId = settings.Unknown is null ? -1 : vocabulary.Find(settings.Unknown);
        for (int c = 0; c < _lowIds.Length; c++) _lowIds[c] = vocabulary.Find([(char)c]);
        _dropsUnknown = settings.Unknown is null && !(settings.ByteFallback && Array.TrueForAll(_byteIds, id => id >= 0));
        if (settings.Prefix.Length == 0 && settings.Suffix.Length == 0 && !settings.MergesUnknown) _pairs = ReadPairs(vocabulary);
    }

    private BpeModel(BpeModel model)
        : base(model.Vocabulary)
    {
        _merges = model._merges;
        _settings = model._settings;
        _byteIds = model._byteIds;
        _lowIds = model._lowIds;
        _unknownId = model._unknownId;
        _pairs = model._pairs;
        _overBytes = true;
    }

    public static BpeModel Create(JsonPart json, ModelTables tables) => BpeReader.Read(json, tables);

    /// <summary>Only when the vocabulary has every byte: what is counted when one gets lost are the bytes of the spelling.</summary>
    public override Model? OverBytes() =>
        Enumerable.Range(0, 256).All(b => CharId(ByteAlphabet.ToChar((byte)b)) >= 0) ? new BpeModel(this) : null;

    public override void Tokenize(ReadOnlySpan<char> piece, int at, TokenBuffer output)
    {
        if (_cache.Find(piece) is Token[] known)
        {
            output.Add(known, at);
            return;
        }

        int from = output.Count;
        // One word is kept for the next call; a second caller at the same time makes its own.
        BpeWord word = Interlocked.Exchange(ref _spare, null) ?? new BpeWord();
        if (_overBytes) TokenizeBytes(piece, at, word, output);
        else TokenizeText(piece, at, word, output);
        Volatile.Write(ref _spare, word);
        _cache.Add(piece, output.Tokens[from..], at);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static PairTable ReadPairs(Vocabulary vocabulary)
    {
        PairTable pairs = new();
        for (int entry = 0; entry < vocabulary.Count; entry++) pairs.Add(vocabulary.Entry(entry, out _));
        return pairs;
    }

    private void TokenizeBytes(ReadOnlySpan<char> piece, int at, BpeWord word, TokenBuffer output)
    {
        char[] spelled = ArrayPool<char>.Shared.Rent(piece.Length * 3);
        ReadOnlySpan<char> bytes = spelled.AsSpan(0, ByteAlphabet.Spell(piece, spelled));
        if (_settings.IgnoreMerges && Vocabulary.Find(bytes) is int whole and >= 0)
        {
            output.Add(whole, at, at + piece.Length);
        }
        else
        {
            ByteCursor cursor = new(piece, at);
            bool mayCut = MayCut(bytes);
            for (int start = 0; start < bytes.Length;)
            {
                int end = mayCut ? NextCut(bytes, start) : bytes.Length;
                Merge(bytes[start..end], word);
                foreach (BpeWord.Symbol symbol in word.Symbols)
                    if (symbol.Length > 0) cursor.Add(symbol.Id, symbol.Length, output);
                start = end;
            }
        }

        ArrayPool<char>.Shared.Return(spelled);
    }

    private void TokenizeText(ReadOnlySpan<char> piece, int at, BpeWord word, TokenBuffer output)
    {
        if (_settings.IgnoreMerges && Vocabulary.Find(piece) is int whole and >= 0)
        {
            output.Add(whole, at, at + piece.Length);
            return;
        }

        bool mayCut = MayCut(piece);
        for (int start = 0; start < piece.Length;)
        {
            int end = mayCut ? NextCut(piece, start) : piece.Length;
            TokenizePart(piece[start..end], at + start, isWhole: end - start == piece.Length, word, output);
            start = end;
        }
    }

    private void TokenizePart(ReadOnlySpan<char> part, int at, bool isWhole, BpeWord word, TokenBuffer output)
    {
        if (!isWhole && _cache.Find(part) is Token[] known)
        {
            output.Add(known, at);
            return;
        }

        int from = output.Count;
        Merge(part, word);
        ByteCursor cursor = new(part, at);
        foreach (BpeWord.Symbol symbol in word.Symbols)
            if (symbol.Length > 0) cursor.Add(symbol.Id, symbol.Length, output);
        if (!isWhole) _cache.Add(part, output.Tokens[from..], at);
    }

    private bool MayCut(ReadOnlySpan<char> text)
    {
        if (_pairs is null) return false;
        for (int i = 0; _dropsUnknown && i < text.Length;)
        {
            int next = i + CodePoints.Utf16Length(CodePoints.At(text, i));
            if (SymbolId(text, i, next) < 0) return false;
            i = next;
        }

        return true;
    }

    /// <summary>The end of the part that starts at an index and that no merge leaves.</summary>
    private int NextCut(ReadOnlySpan<char> text, int start)
    {
        for (int i = start + 1; i < text.Length; i++)
        {
            // Unknown characters wait for a known one, so a cut comes after a known one only.
            if (!_pairs!.Contains(text[i - 1], text[i]) && !char.IsLowSurrogate(text[i]) && !char.IsSurrogate(text[i - 1])
                && CharId(text[i - 1]) >= 0) return i;
        }

        return text.Length;
    }

    private void Merge(ReadOnlySpan<char> text, BpeWord word)
    {
        word.Clear();
        AddSymbols(text, word);
        word.Merge(_merges);
    }

    private void AddSymbols(ReadOnlySpan<char> piece, BpeWord word)
    {
        int unknownBytes = 0;
        for (int i = 0; i < piece.Length;)
        {
            int codePoint = CodePoints.At(piece, i);
            int next = i + CodePoints.Utf16Length(codePoint);
            int bytes = _overBytes ? 1 : CodePoints.Utf8Length(codePoint);
            int id = SymbolId(piece, i, next);
            if (id >= 0)
            {
                if (unknownBytes > 0) word.Add(_unknownId, unknownBytes);
                unknownBytes = 0;
                word.Add(id, bytes);
            }
            else if (!(_settings.ByteFallback && AddBytes(piece, i, next, word)) && _settings.Unknown is not null)
            {
                if (_unknownId < 0) throw UnknownToken.Missing(_settings.Unknown);
                if (unknownBytes > 0 && !_settings.FuseUnknown)
                {
                    word.Add(_unknownId, unknownBytes);
                    unknownBytes = 0;
                }

                unknownBytes += bytes;
            }

            i = next;
        }

        if (unknownBytes > 0) word.Add(_unknownId, unknownBytes);
    }

    private int CharId(char c) => c < _lowIds.Length ? _lowIds[c] : Vocabulary.Find([c]);

    private int SymbolId(ReadOnlySpan<char> piece, int start, int end)
    {
        bool decorated = (_settings.Prefix.Length > 0 && start > 0) || (_settings.Suffix.Length > 0 && end == piece.Length);
        if (!decorated) return piece[start] < _lowIds.Length ? _lowIds[piece[start]] : Vocabulary.Find(piece[start..end]);
        return Vocabulary.Find(Decorate(piece, start, end));
    }

    private string Decorate(ReadOnlySpan<char> piece, int start, int end) =>
        string.Concat(start > 0 ? _settings.Prefix : "", piece[start..end], end == piece.Length ? _settings.Suffix : "");

    private bool AddBytes(ReadOnlySpan<char> piece, int start, int end, BpeWord word)
    {
        bool decorated = (_settings.Prefix.Length > 0 && start > 0) || (_settings.Suffix.Length > 0 && end == piece.Length);
        ReadOnlySpan<char> text = decorated ? Decorate(piece, start, end) : piece[start..end];
        Span<byte> bytes = text.Length <= 64 ? stackalloc byte[192] : new byte[text.Length * 3];
        bytes = bytes[..System.Text.Encoding.UTF8.GetBytes(text, bytes)];
        foreach (byte b in bytes)
            if (_byteIds[b] < 0) return false;
        foreach (byte b in bytes) word.Add(_byteIds[b], 1);
        return true;
    }
}
