using System.Text.Json.Nodes;
using LlmService.Inference.Architectures;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Architectures;

/// <summary>A model folder with random weights: all tensors that an architecture asks for under a configuration. Disposing it deletes it.</summary>
internal sealed class RandomModel : IDisposable
{
    private const int Context = 64;

    private readonly CheckpointFolder _folder = new();
    private readonly WorkerPool _workers = new(2);
    private readonly Dictionary<string, float[]> _tensors = new(StringComparer.Ordinal);

    /// <summary>Writes config.json and the weights.</summary>
    /// <param name="config">config.json.</param>
    /// <param name="seed">The same weights for the same seed.</param>
    /// <param name="change">Changes the tensors before they are written; null for not.</param>
    /// <param name="type">What they are stored as: F32, F16 or BF16.</param>
    public RandomModel(JsonObject config, int seed, Action<Dictionary<string, float[]>>? change = null, string type = "F32")
    {
        _folder.Write("config.json", config.ToJsonString());
        Checkpoint outline = Checkpoint.Outline();
        using (Configuration.IsEmbedder ? (IDisposable)TextEncoder.Build(Configuration, outline, Options(ComputeFormat.F32)) : ModelLoader.Build(Configuration, outline, Options(ComputeFormat.F32)))
        {
            Random random = new(seed);
            Dictionary<string, long[]> shapes = outline.Used.ToDictionary(tensor => tensor.Name, tensor => tensor.Shape.ToArray());
            foreach ((string name, long[] shape) in shapes)
                _tensors[name] = Draw(random, name, shape);
            change?.Invoke(_tensors);
            _folder.Write("model.safetensors", CheckpointFolder.Encode([.. _tensors.Select(tensor =>
                (tensor.Key, type, shapes.GetValueOrDefault(tensor.Key) ?? shapes.Values.First(shape => shape.Aggregate(1L, (a, b) => a * b) == tensor.Value.Length), Encode(tensor.Value, type)))]));
        }
    }

    public ModelConfiguration Configuration => ModelConfiguration.Load(_folder.Folder);

    /// <summary>The numbers of a tensor.</summary>
    public float[] this[string name] => _tensors[name];

    public bool Has(string name) => _tensors.ContainsKey(name);

    public ModelRunner Open(ComputeFormat format = ComputeFormat.F32, KernelPath? kernels = null) => ModelLoader.Load(_folder.Folder, Configuration, Options(format, kernels));

    public TextEncoder OpenEncoder(ComputeFormat format = ComputeFormat.F32, KernelPath? kernels = null) =>
        TextEncoder.Build(Configuration, Checkpoint.Open(_folder.Folder, _folder.Choice), Options(format, kernels));

    /// <summary>Logits of every position of a text, [ids, vocabulary], computed in chunks. Encoder-decoders read the text backwards first.</summary>
    public static float[] Logits(ModelRunner runner, int[] ids, int chunk = int.MaxValue)
    {
        using SequenceCache cache = Begin(runner, ids);
        float[] logits = new float[ids.Length * runner.Model.VocabularySize];
        for (int first = 0; first < ids.Length; first += Math.Min(chunk, ids.Length))
        {
            int count = Math.Min(chunk, ids.Length - first);
            runner.Forward([new(ids.AsMemory(first, count), first, cache, count)], logits.AsMemory(first * runner.Model.VocabularySize, count * runner.Model.VocabularySize));
        }
        return logits;
    }

    /// <summary>The same of several texts in one batch, end to end.</summary>
    public static float[] Logits(ModelRunner runner, IReadOnlyList<int[]> texts)
    {
        SequenceCache[] caches = [.. texts.Select(text => Begin(runner, text))];
        float[] logits = new float[texts.Sum(text => text.Length) * runner.Model.VocabularySize];
        runner.Forward([.. texts.Select((text, i) => new BatchRow(text, 0, caches[i], text.Length))], logits);
        foreach (SequenceCache cache in caches)
            cache.Dispose();
        return logits;
    }

    public void Dispose()
    {
        _workers.Dispose();
        _folder.Dispose();
    }

    private static byte[] Encode(float[] values, string type) => type switch
    {
        "F32" => CheckpointFolder.Bytes(values),
        "F16" => [.. values.SelectMany(value => BitConverter.GetBytes((Half)value))],
        "BF16" => [.. values.SelectMany(value => BitConverter.GetBytes((ushort)(BitConverter.SingleToUInt32Bits(value) >> 16)))],
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    private EngineOptions Options(ComputeFormat format, KernelPath? kernels = null) => new() { Workers = _workers, Format = format, Kernels = kernels ?? KernelPaths.Best, MaxModelLength = Context };

    private static SequenceCache Begin(ModelRunner runner, int[] ids)
    {
        SequenceCache cache = runner.Cache.Open();
        Assert.True(cache.TryReserve(ids.Length));
        if (runner.Model.IsEncoderDecoder)
        {
            Assert.True(cache.TryReserveCross(ids.Length));
            runner.Encode([new(ids.Reverse().ToArray(), cache)]);
        }
        return cache;
    }

    // Matrices keep the size of what they multiply, norms are near 1, biases near 0.
    private static float[] Draw(Random random, string name, long[] shape)
    {
        float[] values = new float[shape.Aggregate(1L, (product, size) => product * size)];
        bool isMatrix = shape.Length > 1, isBias = name.Contains("bias", StringComparison.Ordinal) && !isMatrix;
        double spread = isMatrix ? 1 / Math.Sqrt(shape[^1]) : 0.2, middle = isMatrix || isBias ? 0 : 1;
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(middle + spread * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return values;
    }
}
