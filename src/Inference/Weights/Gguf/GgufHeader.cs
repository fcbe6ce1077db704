using System.Numerics;
using LlmService.Inference.Configuration;

namespace LlmService.Inference.Weights.Gguf;

/// <summary>Reads the start of a GGUF file, versions 2 and 3: magic, counts, metadata, descriptions of the tensors (github.com/ggml-org/ggml, docs/gguf.md).</summary>
internal sealed class GgufHeader
{
    /// <summary>Far above real files, whose vocabularies take some megabytes.</summary>
    public const int MaxBytes = 256 << 20;

    private const int FirstRead = 1 << 20;
    private const int MaxKeys = 1 << 16;
    private const int MaxTensors = 1 << 17;
    private const int MaxNameBytes = 1 << 10;
    private const int MaxTextBytes = 16 << 20;
    private const int MaxArrayDepth = 4;
    private const int MaxDimensions = 4;
    private const long MaxAlignment = 1 << 20;
    private const string AlignmentKey = "general.alignment";

    private readonly GgufCursor _cursor;
    private readonly Dictionary<string, GgufValue> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, GgufTensorInfo> _tensors = new(StringComparer.Ordinal);

    private GgufHeader(GgufCursor cursor)
    {
        _cursor = cursor;
        Metadata = new GgufMetadata(cursor.Path, _values);
    }

    /// <summary>What the keys say.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, GgufTensorInfo> Tensors => _tensors;

    /// <summary>Where the data begin: the bytes that the header takes.</summary>
    public long DataStart { get; private set; }

    /// <summary>What every offset is a multiple of.</summary>
    public long Alignment { get; private set; } = 32;

    /// <summary>Reads the header of a file, a piece at a time until it is whole.</summary>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights.</exception>
    public static GgufHeader Read(TensorBytes file)
    {
        for (long size = FirstRead; ; size *= 2)
        {
            int length = (int)Math.Min(Math.Min(size, file.Length), MaxBytes);
            if (Parse(file.Span(0, length).ToArray(), file.Length, file.Path) is { } header)
                return header;
        }
    }

    /// <summary>Reads the header from the first bytes of a file; null when it goes on behind them.</summary>
    /// <param name="start">The first bytes.</param>
    /// <param name="fileBytes">The size of the whole file.</param>
    /// <param name="path">The file, for messages.</param>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights.</exception>
    public static GgufHeader? Parse(ReadOnlyMemory<byte> start, long fileBytes, string path)
    {
        GgufHeader header = new(new GgufCursor(start, fileBytes, path));
        return header.TryRead() ? header : null;
    }

    private bool TryRead()
    {
        ReadOnlySpan<byte> magic = _cursor.Take(4, "the magic").Span;
        if (!_cursor.IsShort && !magic.SequenceEqual("GGUF"u8))
            throw _cursor.Corrupt("is no GGUF file: it does not begin with 'GGUF'");
        uint version = _cursor.U32("the version");
        if (_cursor.IsShort)
            return false;
        CheckVersion(version);
        int tensors = _cursor.Count("the number of tensors", MaxTensors), keys = _cursor.Count("the number of keys", MaxKeys);
        for (int i = 0; i < keys && !_cursor.IsShort; i++)
            ReadKey();
        if (!_cursor.IsShort)
            CheckKeys();
        for (int i = 0; i < tensors && !_cursor.IsShort; i++)
            ReadTensor();
        DataStart = (_cursor.Position + Alignment - 1) / Alignment * Alignment;
        return !_cursor.IsShort;
    }

    private void CheckVersion(uint version)
    {
        if ((version & 0xFFFF) == 0 && version != 0)
            throw Refused("is stored in big-endian byte order; little-endian files are read", "Take the little-endian file of the model, which is the usual one.");
        if (version is not (2 or 3))
            throw Refused($"has the GGUF version {version}; 2 and 3 are read", "Convert it again with a current llama.cpp, or take another file of the model.");
    }

    private void CheckKeys()
    {
        if (Metadata.Integer("split.count", 0, int.MaxValue) is > 1 and { } parts)
            throw Refused($"is one of {parts} parts of a model (key 'split.count'); files in parts are not read", "Join the parts with llama.cpp's 'llama-gguf-split --merge', or take a file that is whole.");
        if (Metadata.Text("general.type") is { } type and not "model")
            throw Refused($"holds a part of the general.type '{ConfigReader.Quote(type)}', not a model", "Take the file of the model itself.");
        if (Metadata.Integer(AlignmentKey, 1, (int)MaxAlignment) is not { } alignment)
            return;
        Alignment = BitOperations.IsPow2(alignment) ? alignment : throw _cursor.Corrupt($"has the {AlignmentKey} {alignment}, which is no power of two");
    }

    private void ReadKey()
    {
        string key = _cursor.Name("a key", MaxNameBytes);
        GgufType type = (GgufType)_cursor.U32($"the type of the key '{key}'");
        GgufValue value = ReadValue(key, type, 1);
        if (!_cursor.IsShort && !_values.TryAdd(key, value))
            throw _cursor.Corrupt($"has the key '{key}' twice");
    }

    private GgufValue ReadValue(string key, GgufType type, int depth)
    {
        if (_cursor.IsShort)
            return default;
        if (type > GgufType.F64)
            throw _cursor.Corrupt($"gives the key '{key}' the type {(uint)type}, which is none");
        if (type == GgufType.Text)
            return new(type, type, 1, _cursor.Text($"the key '{key}'", MaxTextBytes));
        if (type != GgufType.Array)
            return new(type, type, 1, _cursor.Take(GgufValue.SizeOf(type), $"the key '{key}'"));
        if (depth > MaxArrayDepth)
            throw _cursor.Corrupt($"has arrays in arrays in the key '{key}', more than {MaxArrayDepth} deep");
        return ReadArray(key, depth);
    }

    private GgufValue ReadArray(string key, int depth)
    {
        string what = $"the key '{key}'";
        GgufType element = (GgufType)_cursor.U32(what);
        int size = GgufValue.SizeOf(element);
        // Texts take at least their length, arrays their type and count.
        int count = _cursor.Count(what, MaxBytes / (size > 0 ? size : 8));
        if (size > 0)
            return new(GgufType.Array, element, count, _cursor.Take(count * size, what));
        long start = _cursor.Position;
        for (int i = 0; i < count && !_cursor.IsShort; i++)
            ReadValue(key, element, depth + 1);
        return new(GgufType.Array, element, count, _cursor.Since(start));
    }

    private void ReadTensor()
    {
        string name = _cursor.Name("the name of a tensor", MaxNameBytes);
        string what = $"the tensor '{name}'";
        uint rank = _cursor.U32(what);
        if (rank > MaxDimensions)
            throw _cursor.Corrupt($"gives {what} {rank} dimensions; at most {MaxDimensions} are allowed");
        long[] dimensions = new long[rank];
        for (int i = 0; i < rank; i++)
            dimensions[i] = _cursor.I64(what);
        uint type = _cursor.U32(what);
        long offset = _cursor.I64(what);
        if (!_cursor.IsShort && !_tensors.TryAdd(name, new(name, dimensions, type, offset)))
            throw _cursor.Corrupt($"has {what} twice");
    }

    private InferenceException Refused(string what, string remedy) =>
        new(InferenceFailure.NoUsableWeights, $"'{_cursor.Path}' {what}.") { File = _cursor.Path, Remedy = remedy };
}
