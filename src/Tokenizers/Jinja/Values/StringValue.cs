namespace LlmService.Tokenizers.Jinja;

/// <summary>A text; which of its characters came from data; whether it is marked as safe markup.</summary>
/// <remarks>Python counts code points. A text without surrogates is indexed directly; any other through a table.</remarks>
internal sealed class StringValue(string text, DataSpans? data = null, bool isMarkup = false) : Value
{
    private int[]? _starts;
    private bool _isChecked;

    public static StringValue Empty { get; } = new("");

    public static StringValue EmptyMarkup { get; } = new("", null, isMarkup: true);

    public string Text => text;

    public DataSpans? Data => data;

    public bool IsMarkup => isMarkup;

    public override string TypeName => isMarkup ? "Markup" : "str";

    public override bool Truth => text.Length > 0;

    /// <summary>The length in code points.</summary>
    public override int Count => Starts is { } starts ? starts.Length - 1 : text.Length;

    /// <summary>Where each code point starts, and the end; null when each is one unit.</summary>
    private int[]? Starts
    {
        get
        {
            if (!_isChecked)
            {
                _starts = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0 ? null : FindStarts(text);
                _isChecked = true;
            }

            return _starts;
        }
    }

    /// <summary>A text that is data as a whole.</summary>
    public static StringValue FromData(string text) => text.Length == 0 ? Empty : new StringValue(text, DataSpans.All);

    /// <summary>Whether a character is data, by its place in UTF-16 units.</summary>
    public bool IsDataAt(int unit) => data is not null && data.Covers(unit);

    /// <summary>A part, in UTF-16 units.</summary>
    public StringValue Units(int start, int length)
    {
        if (length == text.Length) return this;
        return length == 0 ? (isMarkup ? EmptyMarkup : Empty) : new StringValue(text.Substring(start, length), DataSpans.Slice(data, start, length), isMarkup);
    }

    /// <summary>The place in UTF-16 units of a code point.</summary>
    public int UnitOf(int codePoint) => Starts is { } starts ? starts[codePoint] : codePoint;

    /// <summary>The code points before a place in UTF-16 units.</summary>
    public int CodePointOf(int unit)
    {
        if (Starts is not { } starts) return unit;
        int index = Array.BinarySearch(starts, unit);
        return index >= 0 ? index : ~index - 1;
    }

    /// <summary>A code point as a text.</summary>
    public StringValue At(int index)
    {
        int start = UnitOf(index);
        return Units(start, UnitOf(index + 1) - start);
    }

    public StringValue WithMarkup(bool markup) => markup == isMarkup ? this : new StringValue(text, data, markup);

    /// <summary>The same text without the mark.</summary>
    public StringValue Plain() => WithMarkup(false);

    /// <summary>Another text made from this one: if anything in this was data, all of it is.</summary>
    public StringValue Derive(string derived) => derived.Length == 0 ? (isMarkup ? EmptyMarkup : Empty) : new StringValue(derived, data is null ? null : DataSpans.All, isMarkup);

    /// <summary>Another text of the same length whose characters stand for those of this.</summary>
    public StringValue Map(string mapped) => mapped.Length == text.Length ? new StringValue(mapped, data, isMarkup) : Derive(mapped);

    public override void WriteRepr(ReprWriter writer) => writer.WriteString(this);

    public override StringValue ToText(Rendering rendering) => this;

    public override Value? Attribute(string name, Rendering rendering) => Builtins.StringMethods.Find(this, name);

    public override Value? Item(Value key, Rendering rendering)
    {
        if (key is not NumberValue { AsInteger: { } index }) return null;
        return Sequences.TryIndex(index, Count, out int at) ? At(at) : null;
    }

    public override IEnumerator<Value> Iterate(Rendering rendering)
    {
        int count = Count;
        for (int i = 0; i < count; i++) yield return At(i);
    }

    public override bool IsEqual(Value other) => other is StringValue right && text == right.Text;

    public override int Hash() => text.GetHashCode(StringComparison.Ordinal);

    private static int[] FindStarts(string text)
    {
        List<int> starts = new(text.Length + 1);
        for (int i = 0; i < text.Length; i++)
        {
            starts.Add(i);
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1])) i++;
        }

        starts.Add(text.Length);
        return [.. starts];
    }
}
