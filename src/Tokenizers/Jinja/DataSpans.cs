namespace LlmService.Tokenizers.Jinja;

/// <summary>Which characters of a text came from the caller's data and not from the template: ranges in order, apart from each other.</summary>
/// <remarks>A text without any has none of these objects.</remarks>
internal sealed class DataSpans
{
    /// <summary>Every character, whatever the length.</summary>
    public static DataSpans All { get; } = new([0, int.MaxValue]);

    private readonly int[] _bounds;

    private DataSpans(int[] bounds) => _bounds = bounds;

    public int Count => _bounds.Length / 2;

    /// <summary>Start and end of a range, in a text of a length.</summary>
    public TextRange this[int index, int length] => new(_bounds[2 * index], Math.Min(length, _bounds[2 * index + 1]));

    /// <summary>Takes bounds: starts and ends in turn.</summary>
    public static DataSpans? Of(ReadOnlySpan<int> bounds, int length) => bounds.Length switch
    {
        0 => null,
        2 when bounds[0] == 0 && bounds[1] >= length => All,
        _ => new DataSpans(bounds.ToArray()),
    };

    public static DataSpans? Slice(DataSpans? spans, int start, int length)
    {
        if (spans is null || spans == All || length == 0) return length == 0 ? null : spans;
        List<int> bounds = [];
        for (int i = spans.FirstAfter(start); i < spans.Count && spans._bounds[2 * i] < start + length; i++)
        {
            bounds.Add(Math.Max(0, spans._bounds[2 * i] - start));
            bounds.Add(Math.Min(length, spans._bounds[2 * i + 1] - start));
        }

        return Of(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bounds), length);
    }

    /// <summary>Whether a character is data.</summary>
    public bool Covers(int index) => FirstAfter(index) is int range && range < Count && _bounds[2 * range] <= index;

    /// <summary>The ranges of two texts that become one.</summary>
    public static DataSpans? Join(StringValue left, StringValue right)
    {
        int length = left.Text.Length + right.Text.Length;
        List<int> bounds = [];
        Add(left.Data, left.Text.Length, 0, bounds);
        Add(right.Data, right.Text.Length, left.Text.Length, bounds);
        return Of(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bounds), length);
    }

    private static void Add(DataSpans? spans, int length, int offset, List<int> bounds)
    {
        for (int i = 0; i < (spans?.Count ?? 0); i++)
        {
            TextRange range = spans![i, length];
            if (bounds.Count > 0 && bounds[^1] == offset + range.Start) bounds[^1] = offset + range.End;
            else bounds.AddRange([offset + range.Start, offset + range.End]);
        }
    }

    /// <summary>The first range that ends after a position.</summary>
    private int FirstAfter(int position)
    {
        (int low, int high) = (0, Count);
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_bounds[2 * middle + 1] <= position) low = middle + 1;
            else high = middle;
        }

        return low;
    }
}
