using LlmService.Inference.Blocks;
using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Embeddings;

/// <summary>Makes the vector of a text out of the states of its tokens: pooling, projections, normalisation. Used by one thread at a time.</summary>
internal sealed class VectorHead : IDisposable
{
    private readonly PoolingConfiguration _pooling;
    private readonly int _hidden;
    private readonly List<Checkpoint> _checkpoints = [];
    private readonly List<Func<float[], float[]>> _steps = [];
    private readonly Compute _compute;

    /// <summary>Builds it.</summary>
    /// <param name="configuration">The modules.</param>
    /// <param name="hidden">Width of a state.</param>
    /// <param name="options">Threads and kernels.</param>
    /// <param name="isOutline">Whether only sizes are asked for, and no weights are read.</param>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights: the weights of a projection.</exception>
    public VectorHead(SentenceConfiguration configuration, int hidden, EngineOptions options, bool isOutline)
    {
        (_pooling, _hidden, _compute) = (configuration.Pooling, hidden, new Compute(options.Kernels, options.Workers));
        Width = hidden * _pooling.Modes.Count;
        try
        {
            foreach (VectorModule module in configuration.Modules)
                Add(module, options, isOutline);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Numbers of a vector.</summary>
    public int Width { get; private set; }

    /// <summary>Numbers of the projections, which are held as floats.</summary>
    public long ParameterCount { get; private set; }

    /// <summary>The vector of a text.</summary>
    /// <param name="states">[tokens, hidden].</param>
    /// <param name="promptTokens">How many of the first tokens are those of a prompt.</param>
    public float[] Apply(ReadOnlySpan<float> states, int promptTokens)
    {
        float[] vector = _pooling.Apply(states, _hidden, promptTokens);
        foreach (Func<float[], float[]> step in _steps)
            vector = step(vector);
        return vector;
    }

    /// <summary>Gives a vector the length 1; a vector of zeros stays so.</summary>
    public static void Normalize(Span<float> vector)
    {
        double square = 0;
        foreach (float value in vector)
            square += (double)value * value;
        if (square == 0)
            return;
        double length = Math.Sqrt(square);
        foreach (ref float value in vector)
            value = (float)(value / length);
    }

    /// <inheritdoc/>
    public void Dispose() => _checkpoints.ForEach(checkpoint => checkpoint.Dispose());

    private void Add(VectorModule module, EngineOptions options, bool isOutline)
    {
        if (module is not DenseModule dense)
        {
            _steps.Add(vector =>
            {
                Normalize(vector);
                return vector;
            });
            return;
        }
        if (dense.Inputs != Width)
        {
            string file = Path.Combine(dense.Folder, ModelConfiguration.FileName);
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{file}': 'in_features' is {dense.Inputs}, but the vectors before this module have {Width} numbers.") { File = file, Field = "in_features" };
        }
        Width = dense.Outputs;
        ParameterCount += (long)dense.Outputs * dense.Inputs + (dense.HasBias ? dense.Outputs : 0);
        if (!isOutline)
            AddProjection(dense, options);
    }

    private void AddProjection(DenseModule dense, EngineOptions options)
    {
        Checkpoint checkpoint = Checkpoint.Open(dense.Folder, WeightFiles.Preferred(dense.Folder));
        _checkpoints.Add(checkpoint);
        Linear linear = WeightReader.Of(checkpoint, options with { Format = ComputeFormat.F32 }).Exact("linear", dense.Outputs, dense.Inputs, dense.HasBias);
        checkpoint.CheckAllUsed(_ => false);
        _steps.Add(vector =>
        {
            float[] projected = new float[dense.Outputs];
            linear.Apply(vector, 1, projected, _compute);
            if (dense.Activation is { } activation)
                ElementKernels.Activate(_compute.Path, activation, projected);
            return projected;
        });
    }
}
