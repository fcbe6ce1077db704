using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Text;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Normalizers;

/// <summary>SentencePiece's compiled character map: a double array over UTF-8 bytes, whose values point into a block of replacements.</summary>
internal sealed class PrecompiledNormalizer : Normalizer
{
    /// <summary>Only clusters shorter than this many UTF-8 bytes are looked up whole; the format's reference does so.</summary>
    private const int WholeClusterBytes = 6;

    private readonly uint[] _units;
    private readonly byte[] _block;
    private readonly ConcurrentDictionary<int, string> _replacements = [];
    private readonly string?[] _ascii = new string?[128];

    /// <summary>Takes a map from another file than <c>tokenizer.json</c>.</summary>
    public PrecompiledNormalizer(byte[] charsmap, string file)
        : this(charsmap, new JsonPart(default, "its character map", file))
    {
    }

    private PrecompiledNormalizer(byte[] charsmap, JsonPart json)
    {
        int trieBytes = charsmap.Length < 4 ? -1 : BinaryPrimitives.ReadInt32LittleEndian(charsmap);
        if (trieBytes < 4 || trieBytes % 4 != 0 || trieBytes > charsmap.Length - 4) throw json.Corrupt("is not a character map");
        _units = new uint[trieBytes / 4];
        for (int i = 0; i < _units.Length; i++) _units[i] = BinaryPrimitives.ReadUInt32LittleEndian(charsmap.AsSpan(4 + 4 * i));
        _block = charsmap[(4 + trieBytes)..];
        CheckReplacements(json);
        for (int c = 1; c < _ascii.Length; c++) _ascii[c] = Find([(byte)c]);
    }

    public static PrecompiledNormalizer Create(JsonPart json)
    {
        json.AllowOnly("type", "precompiled_charsmap");
        JsonPart charsmap = json.Get("precompiled_charsmap");
        string text = charsmap.AsString();
        byte[] bytes = new byte[text.Length / 4 * 3 + 3];
        if (!Convert.TryFromBase64String(text, bytes, out int length)) throw charsmap.Corrupt("is not base64");
        return new PrecompiledNormalizer(bytes[..length], charsmap);
    }

    public override void Apply(AlignedText text)
    {
        ReadOnlySpan<char> span = text.Span;
        if (IsUnchanged(span)) return;
        PooledList<TextChange> changes = text.Changes;
        changes.Reserve(span.Length);
        Span<byte> utf8 = stackalloc byte[16];
        for (int i = 0; i < span.Length;)
        {
            int end = GraphemeClusters.End(span, i);
            ReadOnlySpan<char> cluster = span[i..end];
            i = end;
            if (cluster.Length < WholeClusterBytes)
            {
                int bytes = System.Text.Encoding.UTF8.GetBytes(cluster, utf8);
                if (bytes < WholeClusterBytes && Find(utf8[..bytes]) is string whole)
                {
                    Replace(changes, cluster, whole);
                    continue;
                }
            }

            for (int c = 0; c < cluster.Length;)
            {
                int codePoint = CodePoints.At(cluster, c);
                ReadOnlySpan<char> one = cluster.Slice(c, CodePoints.Utf16Length(codePoint));
                c += one.Length;
                if (Find(utf8[..System.Text.Encoding.UTF8.GetBytes(one, utf8)]) is string replacement) Replace(changes, one, replacement);
                else changes.Add(new TextChange(codePoint, 0));
            }
        }

        text.ApplyChanges();
    }

    /// <summary>Plain ASCII without replacements is most text.</summary>
    private bool IsUnchanged(ReadOnlySpan<char> text)
    {
        foreach (char c in text)
            if (c >= 128 || c == '\r' || _ascii[c] is not null) return false;
        return true;
    }

    private static void Replace(PooledList<TextChange> changes, ReadOnlySpan<char> old, string replacement)
    {
        int oldCount = Count(old), newCount = 0;
        foreach (Rune rune in replacement.EnumerateRunes()) changes.Add(new TextChange(rune.Value, newCount++ < oldCount ? 0 : 1));

        // Swallowed code points go with the one written last, even when that belongs to an earlier replacement.
        if (newCount < oldCount && changes.Count > 0) changes[changes.Count - 1] = changes[changes.Count - 1] with { Count = changes[changes.Count - 1].Count + newCount - oldCount };
    }

    private static int Count(ReadOnlySpan<char> text)
    {
        int count = 0;
        foreach (Rune _ in text.EnumerateRunes()) count++;
        return count;
    }

    /// <summary>The replacement of the shortest entry that the key starts with; that is what the reference takes.</summary>
    private string? Find(ReadOnlySpan<byte> key)
    {
        uint position = Offset(_units[0]);
        foreach (byte b in key)
        {
            position ^= b;
            if (b == 0 || position >= _units.Length) return null;
            uint unit = _units[position];
            if ((unit & 0x800000FF) != b) return null;
            position ^= Offset(unit);
            if ((unit & 0x100) == 0) continue;
            return position < _units.Length ? Replacement(_units[position]) : null;
        }

        return null;
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);

    /// <summary>What a unit points to. Replacements end with a zero byte; a unit may point into the middle of one.</summary>
    private string? Replacement(uint unit)
    {
        int value = (int)(unit & 0x7FFFFFFF);
        if (unit < 0x80000000 || value >= _block.Length) return null;
        return _replacements.GetOrAdd(value, static (start, block) =>
        {
            ReadOnlySpan<byte> rest = block.AsSpan(start);
            int end = rest.IndexOf((byte)0);
            return System.Text.Encoding.UTF8.GetString(end < 0 ? rest : rest[..end]);
        }, _block);
    }

    private void CheckReplacements(JsonPart json)
    {
        if (!System.Text.Unicode.Utf8.IsValid(_block)) throw json.Corrupt("has replacements that are not UTF-8");
        foreach (uint unit in _units)
        {
            int value = (int)(unit & 0x7FFFFFFF);
            if (unit >= 0x80000000 && value < _block.Length && (_block[value] & 0xC0) == 0x80) throw json.Corrupt("points into the middle of a character");
        }
    }
}
