using LlmService.Inference.Architectures;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Weights;

/// <summary>Reads the weights of a model in the format that it computes in.</summary>
/// <param name="checkpoint">The stored tensors.</param>
/// <param name="format">The format.</param>
/// <param name="compute">Threads that convert.</param>
internal sealed class WeightReader(Checkpoint checkpoint, ComputeFormat format, Compute compute)
{
    /// <summary>Bytes of the matrices that were made; those that stay as they are stored are not counted.</summary>
    public long ConvertedBytes { get; private set; }

    public bool Has(string name) => checkpoint.Has(name);

    /// <summary>A stored tensor that must be there in this shape.</summary>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public StoredTensor Get(string name, params ReadOnlySpan<long> shape) => checkpoint.Get(name, shape);

    /// <summary>All numbers of a small tensor, such as a norm or a bias.</summary>
    public float[] Vector(string name, int size) => checkpoint.Get(name, size).ToArray();

    /// <summary>A table whose rows are read one by one, such as the embeddings; it stays as it is stored.</summary>
    public static WeightMatrix Table(StoredTensor table) => new StoredMatrix(table);

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

    /// <summary>The output head over a table: 4 bits are too few for it.</summary>
    public Linear Head(StoredTensor table) => new(Matrix(format == ComputeFormat.Q4 ? ComputeFormat.Q8 : format, [table]), null);

    private WeightMatrix Matrix(ComputeFormat target, IReadOnlyList<StoredTensor> tensors)
    {
        switch (target)
        {
            case ComputeFormat.F32:
                return new StoredMatrix(tensors);
            case ComputeFormat.Bf16:
                StoredTensor[] converted = [.. tensors.Select(tensor => Bfloat16.Convert(tensor, compute))];
                ConvertedBytes += converted.Except(tensors).Sum(tensor => tensor.ByteCount);
                return new StoredMatrix(converted);
            case ComputeFormat.Q8:
            case ComputeFormat.Q4:
                TiledMatrix tiles = TiledMatrix.Of(target == ComputeFormat.Q8 ? TileFormat.Q8 : TileFormat.Q4, tensors, compute);
                ConvertedBytes += tiles.ByteCount;
                return tiles;
            default:
                throw new InvalidOperationException($"unknown format {target}");
        }
    }
}
