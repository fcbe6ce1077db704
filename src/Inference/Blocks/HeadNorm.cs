using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>Norms of queries and keys, of each head or of all together.</summary>
/// <param name="queries">The norms of the queries' parts: one for all heads alike, one for each, or one over all of them.</param>
/// <param name="keys">Those of the keys.</param>
/// <param name="isAfterRotation">Whether heads turn first.</param>
internal sealed class HeadNorm(Norm[] queries, Norm[] keys, bool isAfterRotation)
{
    public bool IsAfterRotation => isAfterRotation;

    /// <summary>Norms the queries and keys of a row.</summary>
    /// <param name="row">Queries, then keys.</param>
    /// <param name="queryWidth">Numbers of the queries.</param>
    /// <param name="keyWidth">Numbers of the keys.</param>
    /// <param name="path">Which kernels.</param>
    public void Apply(Span<float> row, int queryWidth, int keyWidth, KernelPath path)
    {
        Apply(queries, row[..queryWidth], path);
        Apply(keys, row.Slice(queryWidth, keyWidth), path);
    }

    private static void Apply(Norm[] norms, Span<float> values, KernelPath path)
    {
        int size = norms[0].Size;
        for (int part = 0; part < values.Length / size; part++)
            norms[part % norms.Length].Apply(values.Slice(part * size, size), values.Slice(part * size, size), path);
    }
}
