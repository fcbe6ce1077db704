namespace LlmService.Inference.Kernels;

/// <summary>What up to eight queries see of some positions: sums of values, each weighted by e^(score - highest), and of the weights.</summary>
/// <param name="memory">[8, size + 2].</param>
/// <param name="size">Width of a head.</param>
internal readonly ref struct SpanSums(Span<float> memory, int size)
{
    /// <summary>[8, size].</summary>
    public Span<float> Values { get; } = memory[..(AttentionKernels.Together * size)];

    /// <summary>The highest score of each query.</summary>
    public Span<float> Highest { get; } = memory.Slice(AttentionKernels.Together * size, AttentionKernels.Together);

    /// <summary>The sum of the weights of each query; 0 where it sees none of the positions.</summary>
    public Span<float> Sums { get; } = memory.Slice(AttentionKernels.Together * (size + 1), AttentionKernels.Together);

    /// <summary>Numbers that it takes.</summary>
    public static int Numbers(int size) => AttentionKernels.Together * (size + 2);

    /// <summary>Sees nothing.</summary>
    public void Clear(int queries) => Sums[..queries].Clear();

    /// <summary>Sees the positions of others too, which come behind its own. Theirs are lost.</summary>
    public void Join(KernelPath path, SpanSums others, int queries)
    {
        for (int i = 0; i < queries; i++)
        {
            Span<float> values = Values.Slice(i * size, size), added = others.Values.Slice(i * size, size);
            if (others.Sums[i] == 0)
                continue;
            if (Sums[i] == 0)
            {
                added.CopyTo(values);
                (Sums[i], Highest[i]) = (others.Sums[i], others.Highest[i]);
                continue;
            }
            float highest = MathF.Max(Highest[i], others.Highest[i]), own = ElementKernels.Exp(Highest[i] - highest), other = ElementKernels.Exp(others.Highest[i] - highest);
            ElementKernels.Scale(path, values, own);
            ElementKernels.Scale(path, added, other);
            ElementKernels.Add(path, values, added);
            Sums[i] = Sums[i] * own + others.Sums[i] * other;
            Highest[i] = highest;
        }
    }

    /// <summary>Writes the weighted means.</summary>
    public void Write(KernelPath path, ReadOnlySpan<HeadQuery> queries, Span<float> output)
    {
        for (int i = 0; i < queries.Length; i++)
        {
            Span<float> result = output.Slice(queries[i].Output, size);
            Values.Slice(i * size, size).CopyTo(result);
            ElementKernels.Scale(path, result, 1 / Sums[i]);
        }
    }
}
