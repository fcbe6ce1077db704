using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>Attention of a decoder among the positions of its encoder, whose keys and values are written once.</summary>
/// <param name="shape">Shapes and scale.</param>
/// <param name="slot">Where the layer is in the cache.</param>
/// <param name="query">Projection of the decoder's state.</param>
/// <param name="memory">Projections of the encoder's output: keys and values, side by side.</param>
/// <param name="output">Projection back.</param>
internal sealed class CrossAttention(AttentionShape shape, CacheSlot slot, Linear query, Linear memory, Linear output) : IBlock
{
    private readonly List<AttentionQuery> _queries = [];

    private int Width => shape.HeadCount * shape.HeadSize;

    /// <summary>Writes the keys and values of an encoder's output into a sequence's cache.</summary>
    /// <param name="encoded">[tokens, hidden].</param>
    /// <param name="tokens">How many.</param>
    /// <param name="cache">The cache, ready for them.</param>
    /// <param name="pass">Buffers and threads.</param>
    public void Write(Memory<float> encoded, int tokens, SequenceCache cache, Pass pass)
    {
        Memory<float> projected = pass.Take("cross projected", tokens * 2 * Width);
        memory.Apply(encoded, tokens, projected, pass.Compute);
        KeyValueView view = cache.View(slot, shape);
        pass.EachRun(2 * Width, (first, count) =>
        {
            ReadOnlySpan<float> rows = projected.Span.Slice(first * 2 * Width, count * 2 * Width);
            view.Write(pass.Path, first, count, rows, rows[Width..], 2 * Width);
        });
    }

    public void Apply(Memory<float> state, Pass pass, Memory<float> result)
    {
        int tokens = pass.TokenCount;
        Memory<float> queries = pass.Take("queries", tokens * Width), attended = pass.Take("attended", tokens * Width);
        query.Apply(state, tokens, queries, pass.Compute);
        _queries.Clear();
        for (int token = 0; token < tokens; token++)
        {
            int length = pass.CrossLength(token);
            if (length == 0)
                throw new InvalidOperationException("The decoder ran before the encoder.");
            _queries.Add(new(pass.View(slot, token, shape), 0, length - 1, pass.Positions[token]));
        }
        AttentionKernels.Attend(pass.Compute, shape, _queries, queries, Width, attended);
        output.Apply(attended, tokens, result, pass.Compute);
    }
}
