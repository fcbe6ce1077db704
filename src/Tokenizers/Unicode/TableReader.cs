namespace LlmService.Tokenizers.Unicode;

/// <summary>Reads a generated table: base64 of variable-length integers.</summary>
internal ref struct TableReader(string table)
{
    private readonly ReadOnlySpan<byte> _data = Convert.FromBase64String(table);
    private int _position;

    public readonly bool AtEnd => _position == _data.Length;

    public int Next()
    {
        int value = 0, shift = 0;
        while (true)
        {
            byte b = _data[_position++];
            value |= (b & 0x7F) << shift;
            if (b < 0x80) return value;
            shift += 7;
        }
    }

    /// <summary>Reads a table of code points and signed differences.</summary>
    public static Dictionary<int, int> ReadMapping(string table)
    {
        Dictionary<int, int> result = [];
        TableReader reader = new(table);
        int point = 0;
        while (!reader.AtEnd)
        {
            point += reader.Next();
            int difference = reader.Next();
            result.Add(point, point + ((difference & 1) == 0 ? difference / 2 : -(difference + 1) / 2));
        }

        return result;
    }

    /// <summary>Expands a table of ranges to one byte a code point.</summary>
    public static byte[] ExpandRanges(string table)
    {
        byte[] values = new byte[0x110000];
        TableReader reader = new(table);
        int start = 0;
        byte value = 0;
        while (!reader.AtEnd)
        {
            int next = start + reader.Next();
            values.AsSpan(start..next).Fill(value);
            start = next;
            value = (byte)reader.Next();
        }

        values.AsSpan(start).Fill(value);
        return values;
    }
}
