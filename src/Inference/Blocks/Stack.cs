using LlmService.Inference.Configuration;

namespace LlmService.Inference.Blocks;

/// <summary>Embeddings and layers.</summary>
/// <param name="embedding">The first state.</param>
/// <param name="layers">The layers.</param>
/// <param name="rotaries">What turns in them.</param>
internal sealed class Stack(Embedding embedding, IReadOnlyList<Layer> layers, IReadOnlyCollection<RotaryEmbedding> rotaries)
{
    public IReadOnlyList<Layer> Layers => layers;

    /// <summary>The state behind the last layer, [tokens, width]; valid until the next pass.</summary>
    public Memory<float> Apply(IReadOnlyList<int> ids, Pass pass)
    {
        Memory<float> state = Begin(ids, pass);
        foreach (Layer layer in layers)
            layer.Apply(state, pass);
        return state;
    }

    /// <summary>The state before the first layer, [tokens, width]; valid until the next pass.</summary>
    public Memory<float> Begin(IReadOnlyList<int> ids, Pass pass)
    {
        foreach (RotaryEmbedding rotary in rotaries)
            rotary.Prepare(pass);
        return embedding.Apply(ids, pass);
    }
}

/// <summary>One rotation for all layers that turn alike.</summary>
/// <param name="headSize">Width of a head.</param>
internal sealed class Rotaries(int headSize)
{
    private readonly Dictionary<RotaryConfiguration, RotaryEmbedding> _made = new(ReferenceEqualityComparer.Instance);

    public IReadOnlyCollection<RotaryEmbedding> All => _made.Values;

    public RotaryEmbedding? Of(RotaryConfiguration? configuration)
    {
        if (configuration is null)
            return null;
        if (!_made.TryGetValue(configuration, out RotaryEmbedding? rotary))
            _made[configuration] = rotary = new RotaryEmbedding(configuration, headSize);
        return rotary;
    }
}
