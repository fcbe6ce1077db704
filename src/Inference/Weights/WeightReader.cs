using LlmService.Inference.Blocks;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights.Onnx;

namespace LlmService.Inference.Weights;

/// <summary>Reads the weights of a model in the format that it computes in.</summary>
/// <param name="checkpoint">The stored tensors.</param>
/// <param name="format">The format.</param>
/// <param name="compute">Threads that convert.</param>
/// <param name="exactOnnx">Whether products that ONNX computes in whole numbers are computed so, and all others in floats.</param>
internal sealed class WeightReader(Checkpoint checkpoint, ComputeFormat format, Compute compute, bool exactOnnx = false)
{
    private float[] _zeros = [];

    // Bytes of the matrices that were made.
    private long _convertedBytes;

    /// <summary>The threads, which also compute with what is read.</summary>
    public Compute Compute => compute;

    /// <summary>Reads the weights of a model as options say.</summary>
    /// <param name="checkpoint">The stored tensors.</param>
    /// <param name="options">Options with a format.</param>
    public static WeightReader Of(Checkpoint checkpoint, EngineOptions options) => new(
        checkpoint, options.Format ?? throw new ArgumentException("The format is not chosen.", nameof(options)), new Compute(options.Kernels, options.Workers), options.ExactOnnxArithmetic);

    /// <summary>Describes the model once all of it has been read. The longest prompt is the longest sequence.</summary>
    /// <param name="modelType"><c>model_type</c>.</param>
    /// <param name="vocabulary">Rows of the embeddings.</param>
    /// <param name="context">The longest sequence.</param>
    public ModelDescription Describe(string modelType, int vocabulary, int context) => new()
    {
        Architecture = modelType,
        VocabularySize = vocabulary,
        ContextLength = context,
        PromptLength = context,
        StoredPrecision = TensorFormat.NameOf(checkpoint.MainType),
        ParameterCount = checkpoint.ParameterCount,
        Precision = ComputeFormats.NameOf(format),
        WeightBytes = HeldBytes,
    };

    /// <summary>Bytes that the weights are held in: those of the matrices that were made, or of the stored ones where none was.</summary>
    public long HeldBytes => _convertedBytes > 0 ? _convertedBytes : checkpoint.ByteCount;

    /// <summary>All numbers of a small tensor, such as a norm or a bias.</summary>
    public float[] Vector(string name, int size)
    {
        StoredTensor tensor = checkpoint.Get(name, size);
        if (!checkpoint.IsOutline)
            return tensor.ToArray();
        // A configuration may ask for very many and long ones.
        if (_zeros.Length != size)
            _zeros = new float[size];
        return _zeros;
    }

    /// <summary>A table whose rows are read one by one, such as the embeddings; it stays as it is stored.</summary>
    public WeightMatrix Table(StoredTensor table) => checkpoint.IsOutline ? new OutlineMatrix(checked((int)table.Shape[0]), table.Columns) : new StoredMatrix(table);

    /// <summary>Reads <c>NAME.weight</c>, [outputs, inputs], and <c>NAME.bias</c> where asked for.</summary>
    public Linear Linear(string name, int outputs, int inputs, bool bias = false) => Stack(inputs, bias, (name, outputs));

    /// <summary>Reads projections of one input as one: their outputs lie side by side.</summary>
    public Linear Stack(int inputs, bool bias, params ReadOnlySpan<(string Name, int Outputs)> parts)
    {
        List<StoredTensor> weights = [];
        List<float> biases = [];
        foreach ((string name, int outputs) in parts)
        {
            weights.Add(checkpoint.Get(name + ".weight", outputs, inputs));
            if (bias)
                biases.AddRange(Vector(name + ".bias", outputs));
        }
        return new Linear(Matrix(format, weights), bias ? [.. biases] : null);
    }

    /// <summary>A projection out of tensors whose rows are its outputs, one below the other.</summary>
    /// <param name="tensors">The tensors.</param>
    /// <param name="bias">As many numbers as there are rows; null for none.</param>
    public Linear Projection(IReadOnlyList<StoredTensor> tensors, float[]? bias) => new(Matrix(format, tensors), bias);

    /// <summary>A small projection that decides, such as a router: it stays as it is stored, and is computed in floats.</summary>
    public Linear Exact(string name, int outputs, int inputs, bool bias = false)
    {
        StoredTensor tensor = checkpoint.Get(name + ".weight", outputs, inputs);
        return new(checkpoint.IsOutline ? Outline(ComputeFormat.F32, [tensor]) : Keep([tensor], new StoredMatrix(tensor)), bias ? Vector(name + ".bias", outputs) : null);
    }

    /// <summary>A norm by the names of today's files, or by those of older ones (<c>gamma</c>, <c>beta</c>).</summary>
    public Norm Norm(string name, int size, NormKind kind, float epsilon)
    {
        bool isCentred = kind is not (NormKind.Rms or NormKind.RmsPlusOne), isOld = checkpoint.Has(name + ".gamma");
        float[]? weights = kind == NormKind.LayerWithoutWeights ? null : Vector(name + (isOld ? ".gamma" : ".weight"), size);
        if (kind is NormKind.RmsPlusOne or NormKind.LayerPlusOne)
            weights = Array.ConvertAll(weights!, weight => weight + 1);
        float[]? bias = kind is NormKind.Layer or NormKind.LayerPlusOne ? Vector(name + (isOld ? ".beta" : ".bias"), size) : null;
        return new Norm(size, isCentred, weights, bias, epsilon);
    }

    /// <summary>
    /// The output head over a table. 4 bits are too few for the tokens that may be chosen: in a decoder they cost a fifth more divergence, in an encoder-decoder 3 to 8 %, see <see cref="RefinedMatrix"/>.
    /// </summary>
    public Linear Head(StoredTensor table, float[]? bias = null)
    {
        if (format != ComputeFormat.Q4 || exactOnnx && table.QuantizesInput)
            return new(Matrix(format, [table]), bias);
        if (checkpoint.IsOutline)
            return new(Outline(format, [table], parts: 2), bias);
        TiledMatrix coarse = Tiles(TileFormat.Q4, [table]), rest = Tiles(TileFormat.Q4, [table], coarse);
        Release([table]);
        return new(new RefinedMatrix(coarse, rest, bias), null);
    }

    private WeightMatrix Matrix(ComputeFormat target, IReadOnlyList<StoredTensor> tensors)
    {
        if (checkpoint.IsOutline)
            return Outline(target, tensors);
        if (exactOnnx && tensors.All(tensor => tensor.QuantizesInput))
            return Keep(tensors, new IntegerMatrix(tensors));
        switch (target)
        {
            case ComputeFormat.F32:
                return Keep(tensors, new StoredMatrix(tensors));
            case ComputeFormat.Bf16:
                StoredTensor[] converted = [.. tensors.Select(tensor => Bfloat16.Convert(tensor, compute))];
                _convertedBytes += converted.Except(tensors).Sum(tensor => tensor.ByteCount);
                Release(tensors.Except(converted));
                return Keep(tensors.Intersect(converted), new StoredMatrix(converted));
            case ComputeFormat.Q8:
            case ComputeFormat.Q4:
                TileFormat packed = target == ComputeFormat.Q8 ? TileFormat.Q8 : TileFormat.Q4;
                TiledMatrix tiles = Tiles(packed, tensors);
                Release(tensors);
                return tiles;
            default:
                throw new InvalidOperationException($"unknown format {target}");
        }
    }

    private TiledMatrix Tiles(TileFormat packed, IReadOnlyList<StoredTensor> tensors, TiledMatrix? coarse = null)
    {
        TiledMatrix tiles = checkpoint.Tiles?.Take(packed, tensors, compute, coarse) ?? TiledMatrix.Of(packed, tensors, compute, coarse);
        _convertedBytes += tiles.ByteCount;
        return tiles;
    }

    /// <summary>What is put into another order is made now: the first request need not wait for it.</summary>
    private static WeightMatrix Keep(IEnumerable<StoredTensor> tensors, WeightMatrix matrix)
    {
        foreach (RearrangedBytes bytes in tensors.Select(tensor => tensor.File).OfType<RearrangedBytes>())
            bytes.Prepare();
        return matrix;
    }

    private static void Release(IEnumerable<StoredTensor> converted)
    {
        foreach (RearrangedBytes bytes in converted.Select(tensor => tensor.File).OfType<RearrangedBytes>())
            bytes.ReleasePages();
    }

    /// <summary>A matrix that is only measured.</summary>
    private OutlineMatrix Outline(ComputeFormat target, IReadOnlyList<StoredTensor> tensors, int parts = 1)
    {
        OutlineMatrix matrix = new(checked((int)tensors.Sum(tensor => tensor.Shape[0])), tensors[0].Columns);
        _convertedBytes += parts * target switch
        {
            ComputeFormat.F32 => 0,
            ComputeFormat.Bf16 => 2L * matrix.Rows * matrix.Columns,
            ComputeFormat.Q8 => TileLayout.Bytes(TileFormat.Q8, matrix.Rows, matrix.Columns),
            ComputeFormat.Q4 => TileLayout.Bytes(TileFormat.Q4, matrix.Rows, matrix.Columns),
            _ => throw new InvalidOperationException($"unknown format {target}"),
        };
        return matrix;
    }
}
