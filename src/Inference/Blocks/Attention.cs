using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>Attention among the tokens of a sequence: projects, writes keys and values where the pass keeps them, attends, projects back.</summary>
/// <param name="shape">Shapes, scale and bias.</param>
/// <param name="slot">Where the layer is in the cache.</param>
/// <param name="window">Positions seen, the current one included; 0 for all.</param>
/// <param name="input">Projections of queries, keys and values, side by side.</param>
/// <param name="output">Projection back.</param>
internal sealed class Attention(AttentionShape shape, CacheSlot slot, int window, Linear input, Linear output) : IBlock
{
    private readonly List<AttentionQuery> _queries = [];

    /// <summary>How queries and keys turn; null where they do not.</summary>
    public RotaryEmbedding? Rotary { get; init; }

    /// <summary>Norms of queries and keys; null for none.</summary>
    public HeadNorm? HeadNorm { get; init; }

    /// <summary>Queries, keys and values are cut to ± this; null for none.</summary>
    public float? InputLimit { get; init; }

    private int QueryWidth => shape.HeadCount * shape.HeadSize;

    private int KeyWidth => shape.KeyValueHeadCount * shape.HeadSize;

    public void Apply(Memory<float> state, Pass pass, Memory<float> result)
    {
        int tokens = pass.TokenCount, width = input.Outputs, queryWidth = QueryWidth, keyWidth = KeyWidth;
        Memory<float> projected = pass.Take("projected", tokens * width);
        input.Apply(state, tokens, projected, pass.Compute);
        _queries.Clear();
        for (int token = 0; token < tokens; token++)
        {
            (int first, int last) = pass.Sees(token, window);
            _queries.Add(new(pass.View(slot, token, shape), first, last, pass.Positions[token]));
        }
        pass.EachRun(width, (first, count) =>
        {
            Span<float> rows = projected.Span.Slice(first * width, count * width);
            for (int i = 0; i < count; i++)
                Prepare(rows.Slice(i * width, width), first + i, pass.Path);
            _queries[first].View.Write(pass.Path, pass.Positions[first], count, rows[queryWidth..], rows[(queryWidth + keyWidth)..], width);
        });
        Memory<float> attended = pass.Take("attended", tokens * queryWidth);
        AttentionKernels.Attend(pass.Compute, shape, _queries, projected, width, attended);
        output.Apply(attended, tokens, result, pass.Compute);
    }

    /// <summary>What happens to queries and keys before they meet.</summary>
    private void Prepare(Span<float> row, int token, KernelPath path)
    {
        if (InputLimit is { } limit)
            System.Numerics.Tensors.TensorPrimitives.Clamp(row, -limit, limit, row);
        if (HeadNorm is { IsAfterRotation: false })
            HeadNorm.Apply(row, QueryWidth, KeyWidth, path);
        // Queries and keys lie side by side, and are turned alike.
        Rotary?.Apply(row, token, shape.HeadCount + shape.KeyValueHeadCount, path);
        if (HeadNorm is { IsAfterRotation: true })
            HeadNorm.Apply(row, QueryWidth, KeyWidth, path);
    }
}
