using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Architectures;

/// <summary>The end of a decoder: final norm and logits, only for the tokens that need them.</summary>
internal static class Head
{
    /// <summary>Writes [logits tokens, vocabulary].</summary>
    /// <param name="batch">Which tokens need logits.</param>
    /// <param name="state">[tokens, hidden].</param>
    /// <param name="hidden">Width of the state.</param>
    /// <param name="norm">The final norm.</param>
    /// <param name="scale">Multiplies the normed state.</param>
    /// <param name="head">The output projection.</param>
    /// <param name="logits">Receives the logits.</param>
    /// <param name="scratch">Buffers.</param>
    /// <param name="compute">Kernels and threads.</param>
    public static void Write(BatchLayout batch, ReadOnlySpan<float> state, int hidden, Norm norm, float scale, Linear head, Span<float> logits, Scratch scratch, Compute compute)
    {
        int count = batch.LogitsTokens.Count;
        if (logits.Length < count * head.Outputs)
            throw new ArgumentException($"The logits need room for {count} × {head.Outputs} floats; there are {logits.Length}.", nameof(logits));
        if (count == 0)
            return;
        Memory<float> input = scratch.Take("head input", count * hidden), output = scratch.Take("head output", count * head.Outputs);
        Prepare(batch.LogitsTokens, state, norm, scale, input.Span, compute);
        Memory<float> whole = default;
        if (head.QuantizesInput)
        {
            whole = scratch.Take("head whole", state.Length);
            Prepare([.. Enumerable.Range(0, state.Length / hidden)], state, norm, scale, whole.Span, compute);
        }
        head.Apply(input, count, output, compute, whole);
        output.Span.CopyTo(logits);
    }

    private static void Prepare(IReadOnlyList<int> tokens, ReadOnlySpan<float> state, Norm norm, float scale, Span<float> input, Compute compute)
    {
        int hidden = input.Length / tokens.Count;
        for (int i = 0; i < tokens.Count; i++)
            norm.Apply(state.Slice(tokens[i] * hidden, hidden), 1, input.Slice(i * hidden, hidden), compute.Path);
        if (scale != 1)
        {
            foreach (ref float value in input)
                value *= scale;
        }
    }
}
