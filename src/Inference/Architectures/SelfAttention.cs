using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Architectures;

/// <summary>Attention over the sequence's own past: projects, writes keys and values into the cache, attends, projects back.</summary>
/// <param name="shape">Shapes, scale and bias.</param>
/// <param name="slot">Where the layer is in the cache.</param>
/// <param name="window">Positions seen, the current one included; 0 for all.</param>
/// <param name="query">Projection of queries.</param>
/// <param name="key">Projection of keys.</param>
/// <param name="value">Projection of values.</param>
/// <param name="output">Projection back.</param>
internal sealed class SelfAttention(AttentionShape shape, CacheSlot slot, int window, Linear query, Linear key, Linear value, Linear output)
{
    private readonly List<AttentionQuery> _queries = [];

    /// <summary>Computes [tokens, hidden] from [tokens, hidden].</summary>
    public void Apply(Memory<float> input, BatchLayout batch, Memory<float> result, RotaryEmbedding? rotary, Scratch scratch, Compute compute)
    {
        int tokens = batch.TokenCount;
        int width = shape.KeyValueHeadCount * shape.HeadSize;
        Memory<float> queries = scratch.Take("queries", tokens * query.Outputs);
        Memory<float> keys = scratch.Take("keys", tokens * width), values = scratch.Take("values", tokens * width);
        query.Apply(input, tokens, queries, compute);
        key.Apply(input, tokens, keys, compute);
        value.Apply(input, tokens, values, compute);
        rotary?.Apply(queries.Span, tokens, shape.HeadCount);
        rotary?.Apply(keys.Span, tokens, shape.KeyValueHeadCount);

        _queries.Clear();
        for (int token = 0; token < tokens; token++)
        {
            int position = batch.Positions[token];
            KeyValueView view = new(batch.Caches[token].BlocksOf(slot.Group), slot.Offset, KvCache.BlockPositions, width);
            keys.Span.Slice(token * width, width).CopyTo(view.Key(position));
            values.Span.Slice(token * width, width).CopyTo(view.Value(position));
            _queries.Add(new(view, window == 0 ? 0 : Math.Max(0, position - window + 1), position, position));
        }
        Memory<float> attended = scratch.Take("attended", tokens * query.Outputs);
        AttentionKernels.Attend(compute, shape, _queries, queries, attended);
        output.Apply(attended, tokens, result, compute);
    }
}
