using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>The end of a decoder: final norm and logits, only for the tokens that need them.</summary>
/// <param name="output">The projection to the vocabulary.</param>
internal sealed class Head(Linear output)
{
    /// <summary>The final norm; null for none.</summary>
    public Norm? Norm { get; init; }

    /// <summary>A projection from the width of the layers to that of the embeddings; null for none.</summary>
    public Linear? Projection { get; init; }

    /// <summary>Multiplies the normed state.</summary>
    public float InputScale { get; init; } = 1;

    /// <summary>Multiplies the logits.</summary>
    public float Scale { get; init; } = 1;

    /// <summary>Beyond this no logit grows, by a tanh; 0 for none.</summary>
    public float Cap { get; init; }

    /// <summary>Writes [count, vocabulary].</summary>
    /// <param name="batch">Which tokens need logits.</param>
    /// <param name="first">The first of them.</param>
    /// <param name="count">How many.</param>
    /// <param name="state">[tokens, hidden].</param>
    /// <param name="logits">Receives the logits.</param>
    /// <param name="pass">Buffers and threads.</param>
    public void Write(BatchLayout batch, int first, int count, ReadOnlySpan<float> state, Memory<float> logits, Pass pass)
    {
        int hidden = state.Length / pass.TokenCount;
        if (logits.Length < count * output.Outputs)
            throw new ArgumentException($"The logits need room for {count} × {output.Outputs} floats; there are {logits.Length}.", nameof(logits));
        if (count == 0)
            return;
        Memory<float> input = Prepare("head input", [.. batch.LogitsTokens.Skip(first).Take(count)], hidden, state, pass);
        Memory<float> whole = output.QuantizesInput ? Prepare("head whole", [.. Enumerable.Range(0, pass.TokenCount)], hidden, state, pass) : default;
        logits = logits[..(count * output.Outputs)];
        output.Apply(input, count, logits, pass.Compute, whole);
        if (Scale != 1)
            ElementKernels.Scale(pass.Path, logits.Span, Scale);
        if (Cap > 0)
            ElementKernels.SoftCap(pass.Path, logits.Span, Cap);
    }

    private Memory<float> Prepare(string name, IReadOnlyList<int> tokens, int hidden, ReadOnlySpan<float> state, Pass pass)
    {
        Memory<float> input = pass.Take(name, tokens.Count * hidden);
        for (int i = 0; i < tokens.Count; i++)
            state.Slice(tokens[i] * hidden, hidden).CopyTo(input.Span[(i * hidden)..]);
        Norm?.Apply(input, tokens.Count, input, pass.Compute);
        if (InputScale != 1)
            ElementKernels.Scale(pass.Path, input.Span, InputScale);
        if (Projection is null)
            return input;
        Memory<float> projected = pass.Take($"{name} projected", tokens.Count * Projection.Outputs);
        Projection.Apply(input, tokens.Count, projected, pass.Compute);
        return projected;
    }
}
