using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Architectures;

/// <summary>Attention over the sequence's own past: projects, writes keys and values into the cache, attends, projects back.</summary>
/// <param name="shape">Shapes, scale and bias.</param>
/// <param name="slot">Where the layer is in the cache.</param>
/// <param name="window">Positions seen, the current one included; 0 for all.</param>
/// <param name="input">Projections of queries, keys and values, side by side.</param>
/// <param name="output">Projection back.</param>
internal sealed class SelfAttention(AttentionShape shape, CacheSlot slot, int window, Linear input, Linear output)
{
    private readonly List<AttentionQuery> _queries = [];

    /// <summary>Computes [tokens, hidden] from [tokens, hidden].</summary>
    public void Apply(Memory<float> state, BatchLayout batch, Memory<float> result, RotaryEmbedding? rotary, Scratch scratch, Compute compute)
    {
        int tokens = batch.TokenCount, width = input.Outputs;
        int queryWidth = shape.HeadCount * shape.HeadSize, keyWidth = shape.KeyValueHeadCount * shape.HeadSize;
        Memory<float> projected = scratch.Take("projected", tokens * width);
        input.Apply(state, tokens, projected, compute);
        // Queries and keys lie side by side, and are turned alike.
        rotary?.Apply(projected.Span, width, tokens, shape.HeadCount + shape.KeyValueHeadCount, compute.Path);

        _queries.Clear();
        for (int token = 0; token < tokens; token++)
        {
            int position = batch.Positions[token];
            KeyValueView view = new(batch.Caches[token].BlocksOf(slot.Group), slot.Offset, keyWidth);
            ReadOnlySpan<float> row = projected.Span.Slice(token * width, width);
            view.Write(position, row.Slice(queryWidth, keyWidth), row.Slice(queryWidth + keyWidth, keyWidth));
            _queries.Add(new(view, window == 0 ? 0 : Math.Max(0, position - window + 1), position, position));
        }
        Memory<float> attended = scratch.Take("attended", tokens * queryWidth);
        AttentionKernels.Attend(compute, shape, _queries, projected, width, attended);
        output.Apply(attended, tokens, result, compute);
    }
}
