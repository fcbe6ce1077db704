using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>
/// Attention whose queries, keys and values are made of small vectors (DeepSeek-V2, section 2.1). A part of each head does not turn; the part of the keys that does is
/// shared by all heads. The cache holds the keys and values of all heads, not the small vector.
/// </summary>
/// <param name="latent">Sizes.</param>
/// <param name="shape">Heads of plain and turning part together; with zeros behind them where values are longer.</param>
/// <param name="slot">Where the layer is in the cache.</param>
/// <param name="rotary">How the turning parts turn.</param>
/// <param name="projections">The projections.</param>
internal sealed class LatentAttention(LatentConfiguration latent, AttentionShape shape, CacheSlot slot, RotaryEmbedding rotary, LatentProjections projections) : IBlock
{
    private readonly List<AttentionQuery> _queries = [];

    public void Apply(Memory<float> state, Pass pass, Memory<float> result)
    {
        int tokens = pass.TokenCount, width = shape.HeadCount * shape.HeadSize;
        Memory<float> queries = Queries(state, pass), keys = pass.Take("latent key", width), values = pass.Take("latent value", width);
        Memory<float> small = pass.Take("latent", tokens * projections.KeyValueDown.Outputs), ranks = pass.Take("latent rank", tokens * latent.KeyValueRank);
        projections.KeyValueDown.Apply(state, tokens, small, pass.Compute);
        for (int token = 0; token < tokens; token++)
            projections.KeyValueNorm.Apply(Row(small, token).Span[..latent.KeyValueRank], ranks.Span.Slice(token * latent.KeyValueRank, latent.KeyValueRank), pass.Path);
        Memory<float> expanded = pass.Take("latent expanded", tokens * projections.KeyValueUp.Outputs);
        projections.KeyValueUp.Apply(ranks, tokens, expanded, pass.Compute);

        _queries.Clear();
        for (int token = 0; token < tokens; token++)
        {
            Span<float> turning = Row(small, token).Span[latent.KeyValueRank..];
            rotary.Turn(turning, token, pass.Path);
            Spread(expanded.Span.Slice(token * projections.KeyValueUp.Outputs, projections.KeyValueUp.Outputs), turning, keys.Span, values.Span);
            KeyValueView view = pass.View(slot, token, shape);
            view.Write(pass.Path, pass.Positions[token], 1, keys.Span, values.Span, width);
            (int first, int last) = pass.Sees(token, 0);
            _queries.Add(new(view, first, last, pass.Positions[token]));
        }
        Memory<float> attended = pass.Take("attended", tokens * width);
        AttentionKernels.Attend(pass.Compute, shape, _queries, queries, width, attended);
        projections.Output.Apply(Narrow(attended.Span, tokens, pass), tokens, result, pass.Compute);
    }

    private Memory<float> Row(Memory<float> rows, int token) => rows.Slice(token * projections.KeyValueDown.Outputs, projections.KeyValueDown.Outputs);

    private Memory<float> Queries(Memory<float> state, Pass pass)
    {
        int tokens = pass.TokenCount, width = shape.HeadCount * shape.HeadSize;
        if (projections.QueryDown is { } down)
        {
            Memory<float> rank = pass.Take("query rank", tokens * down.Outputs);
            down.Apply(state, tokens, rank, pass.Compute);
            projections.QueryNorm!.Apply(rank, tokens, rank, pass.Compute);
            state = rank;
        }
        Memory<float> queries = pass.Take("queries", tokens * shape.HeadCount * latent.KeySize);
        projections.Query.Apply(state, tokens, queries, pass.Compute);
        for (int token = 0; token < tokens; token++)
        {
            for (int head = 0; head < shape.HeadCount; head++)
                rotary.Turn(queries.Span.Slice((token * shape.HeadCount + head) * latent.KeySize + latent.PlainSize, latent.RotarySize), token, pass.Path);
        }
        return shape.HeadSize == latent.KeySize ? queries : Widen(queries.Span, tokens * shape.HeadCount, pass.Take("wide queries", tokens * width));
    }

    /// <summary>Heads with zeros behind them up to the size of the values.</summary>
    private Memory<float> Widen(ReadOnlySpan<float> queries, int heads, Memory<float> wide)
    {
        wide.Span.Clear();
        for (int head = 0; head < heads; head++)
            queries.Slice(head * latent.KeySize, latent.KeySize).CopyTo(wide.Span[(head * shape.HeadSize)..]);
        return wide;
    }

    /// <summary>Keys of all heads, the shared part behind the own one, and values; the shorter ones with zeros behind them.</summary>
    private void Spread(ReadOnlySpan<float> expanded, ReadOnlySpan<float> turning, Span<float> keys, Span<float> values)
    {
        int stored = latent.PlainSize + latent.ValueSize;
        keys.Clear();
        values.Clear();
        for (int head = 0; head < shape.HeadCount; head++)
        {
            ReadOnlySpan<float> part = expanded.Slice(head * stored, stored);
            Span<float> key = keys.Slice(head * shape.HeadSize, shape.HeadSize);
            part[..latent.PlainSize].CopyTo(key);
            turning.CopyTo(key[latent.PlainSize..]);
            part[latent.PlainSize..].CopyTo(values[(head * shape.HeadSize)..]);
        }
    }

    private Memory<float> Narrow(ReadOnlySpan<float> attended, int tokens, Pass pass)
    {
        Memory<float> narrow = pass.Take("attended values", tokens * shape.HeadCount * latent.ValueSize);
        for (int head = 0; head < tokens * shape.HeadCount; head++)
            attended.Slice(head * shape.HeadSize, latent.ValueSize).CopyTo(narrow.Span[(head * latent.ValueSize)..]);
        return narrow;
    }
}

/// <summary>The projections of a latent attention.</summary>
/// <param name="QueryDown">To the small vector of the queries; null where they are made at once.</param>
/// <param name="QueryNorm">Its norm.</param>
/// <param name="Query">To the queries.</param>
/// <param name="KeyValueDown">To the small vector of keys and values, and the shared turning part behind it.</param>
/// <param name="KeyValueNorm">Its norm.</param>
/// <param name="KeyValueUp">To the plain part of the key and the value of each head.</param>
/// <param name="Output">Projection back.</param>
internal sealed record LatentProjections(Linear? QueryDown, Norm? QueryNorm, Linear Query, Linear KeyValueDown, Norm KeyValueNorm, Linear KeyValueUp, Linear Output);
