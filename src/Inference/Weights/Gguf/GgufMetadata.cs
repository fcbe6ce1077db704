using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using LlmService.Inference.Configuration;

namespace LlmService.Inference.Weights.Gguf;

/// <summary>The keys of a GGUF file; every mistake names file, key, what was expected and what was found.</summary>
internal sealed class GgufMetadata(string path, IReadOnlyDictionary<string, GgufValue> values)
{
    public string Path => path;

    public IEnumerable<string> Keys => values.Keys;

    public bool Has(string key) => values.ContainsKey(key);

    public int RequiredInteger(string key, int lowest, int highest) => Integer(key, lowest, highest) ?? throw Missing(key, $"a whole number from {lowest} to {highest}");

    /// <summary>A whole number; where a file gives one for each layer, they must be the same.</summary>
    public int? Integer(string key, int lowest, int highest)
    {
        if (!values.TryGetValue(key, out GgufValue value))
            return null;
        double[] numbers = NumbersOf(key, value, $"a whole number from {lowest} to {highest}");
        if (value.Type == GgufType.Array && numbers.Distinct().Count() > 1)
            throw Unsupported(key, "a list of different numbers", "the same number for every layer");
        if (numbers.Length == 0 || numbers[0] != Math.Floor(numbers[0]) || !(numbers[0] >= lowest) || !(numbers[0] <= highest))
            throw Wrong(key, value, $"a whole number from {lowest} to {highest}");
        return (int)numbers[0];
    }

    /// <summary>The id of a token; null when it is absent or, as files say "none", out of the vocabulary.</summary>
    public int? TokenId(string key, int vocabulary) =>
        values.TryGetValue(key, out GgufValue value) && NumbersOf(key, value, "a token id") is [var id] && id >= 0 && id < vocabulary ? (int)id : null;

    public float? Number(string key, double lowest, double highest)
    {
        if (!values.TryGetValue(key, out GgufValue value))
            return null;
        string expected = FormattableString.Invariant($"a number from {lowest} to {highest}");
        return NumbersOf(key, value, expected) is [var number] && number >= lowest && number <= highest ? (float)number : throw Wrong(key, value, expected);
    }

    public bool? Boolean(string key) => !values.TryGetValue(key, out GgufValue value) ? null
        : value.Type == GgufType.Bool ? value.Bytes.Span[0] != 0 : throw Wrong(key, value, "true or false");

    public string? Text(string key) => !values.TryGetValue(key, out GgufValue value) ? null
        : value.Type == GgufType.Text ? Decode(key, value.Bytes.Span) : throw Wrong(key, value, "a text");

    /// <summary>A list of texts; null when absent.</summary>
    public string[]? Texts(string key)
    {
        if (!values.TryGetValue(key, out GgufValue value))
            return null;
        if (value.Type != GgufType.Array || value.Element != GgufType.Text)
            throw Wrong(key, value, "a list of texts");
        string[] texts = new string[value.Count];
        ReadOnlySpan<byte> bytes = value.Bytes.Span;
        foreach (ref string text in texts.AsSpan())
        {
            int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            text = Decode(key, bytes.Slice(8, length));
            bytes = bytes[(8 + length)..];
        }
        return texts;
    }

    /// <summary>A list of numbers; null when absent.</summary>
    public double[]? Numbers(string key) => !values.TryGetValue(key, out GgufValue value) ? null
        : value.Type == GgufType.Array ? NumbersOf(key, value, "a list of numbers") : throw Wrong(key, value, "a list of numbers");

    /// <summary>A list of bytes; null when absent.</summary>
    public byte[]? Bytes(string key) => !values.TryGetValue(key, out GgufValue value) ? null
        : value is { Type: GgufType.Array, Element: GgufType.U8 or GgufType.I8 } ? value.Bytes.ToArray() : throw Wrong(key, value, "a list of bytes");

    public InferenceException Missing(string key, string expected) =>
        new(InferenceFailure.CorruptModel, $"'{path}': the key '{key}' is missing; {expected} was expected.") { File = path, Field = key };

    public InferenceException Unsupported(string key, string value, string known) =>
        new(InferenceFailure.UnsupportedModelType, $"'{path}': {key} '{ConfigReader.Quote(value)}' is not supported; known are {known}. A token changes nothing about this.") { File = path, Field = key };

    public InferenceException Corrupt(string key, string what) => new(InferenceFailure.CorruptModel, $"'{path}': the key '{key}' {what}.") { File = path, Field = key };

    private double[] NumbersOf(string key, GgufValue value, string expected)
    {
        GgufType type = value.Type == GgufType.Array ? value.Element : value.Type;
        int size = GgufValue.SizeOf(type);
        if (size == 0 || type == GgufType.Bool)
            throw Wrong(key, value, expected);
        double[] numbers = new double[value.Count];
        for (int i = 0; i < numbers.Length; i++)
            numbers[i] = NumberOf(type, value.Bytes.Span.Slice(i * size, size));
        return numbers;
    }

    private static double NumberOf(GgufType type, ReadOnlySpan<byte> bytes) => type switch
    {
        GgufType.U8 => bytes[0],
        GgufType.I8 => (sbyte)bytes[0],
        GgufType.U16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
        GgufType.I16 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
        GgufType.U32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        GgufType.I32 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
        GgufType.F32 => BinaryPrimitives.ReadSingleLittleEndian(bytes),
        GgufType.U64 => BinaryPrimitives.ReadUInt64LittleEndian(bytes),
        GgufType.I64 => BinaryPrimitives.ReadInt64LittleEndian(bytes),
        GgufType.F64 => BinaryPrimitives.ReadDoubleLittleEndian(bytes),
        _ => throw new InvalidOperationException($"{type} is no number"),
    };

    private string Decode(string key, ReadOnlySpan<byte> text) => Utf8.IsValid(text) ? Encoding.UTF8.GetString(text) : throw Corrupt(key, "has a text that is not UTF-8");

    private InferenceException Wrong(string key, GgufValue value, string expected) => Corrupt(key, $"must be {expected}, and is {Describe(value)}");

    private static string Describe(GgufValue value) => value.Type switch
    {
        GgufType.Array => $"a list of {value.Count} values of the type {value.Element}",
        GgufType.Text => $"'{ConfigReader.Quote(Encoding.UTF8.GetString(value.Bytes.Span[..Math.Min(value.Bytes.Length, 256)]))}'",
        GgufType.Bool => value.Bytes.Span[0] != 0 ? "true" : "false",
        _ => NumberOf(value.Type, value.Bytes.Span).ToString(CultureInfo.InvariantCulture),
    };
}
