using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>A block with the norms around it.</summary>
/// <param name="Block">The block.</param>
/// <param name="Before">Norm of its input; null for none.</param>
/// <param name="After">Norm of its result, before that is added; null for none.</param>
/// <param name="Joined">Norm of the sum; null for none.</param>
/// <param name="First">Norm of the state itself, to which the result is then added; null for none.</param>
internal sealed record Sublayer(IBlock Block, Norm? Before = null, Norm? After = null, Norm? Joined = null, Norm? First = null);

/// <summary>Blocks one after the other, or all on the same input, each added to the state.</summary>
/// <param name="parts">The blocks.</param>
/// <param name="isParallel">Whether all read the state as it was before the layer.</param>
/// <param name="residualScale">What each result is multiplied by.</param>
internal sealed class Layer(IReadOnlyList<Sublayer> parts, bool isParallel, float residualScale)
{
    public IReadOnlyList<Sublayer> Parts => parts;

    /// <summary>Changes the state, [tokens, width].</summary>
    public void Apply(Memory<float> state, Pass pass)
    {
        Memory<float> normed = pass.Take("normed", state.Length), change = pass.Take("change", state.Length);
        Memory<float> sum = isParallel ? pass.Take("changes", state.Length) : state;
        if (isParallel)
            state.CopyTo(sum);
        Norm? last = null;
        foreach (Sublayer part in parts)
        {
            part.First?.Apply(state, pass.TokenCount, state, pass.Compute);
            Memory<float> input = state;
            if (part.Before is { } before)
            {
                // Blocks that share a norm share its result.
                if (!isParallel || before != last)
                    before.Apply(state, pass.TokenCount, normed, pass.Compute);
                (input, last) = (normed, before);
            }
            part.Block.Apply(input, pass, change);
            part.After?.Apply(change, pass.TokenCount, change, pass.Compute);
            Add(change, sum, pass);
            part.Joined?.Apply(sum, pass.TokenCount, sum, pass.Compute);
        }
        if (isParallel)
            sum.CopyTo(state);
    }

    private void Add(Memory<float> change, Memory<float> sum, Pass pass)
    {
        if (pass.TokenCount == 1)
        {
            Add(change.Span, sum.Span, pass.Path);
            return;
        }
        int width = sum.Length / pass.TokenCount;
        pass.Compute.Each(pass.TokenCount, width, token => Add(change.Span.Slice(token * width, width), sum.Span.Slice(token * width, width), pass.Path));
    }

    private void Add(Span<float> change, Span<float> sum, KernelPath path)
    {
        if (residualScale != 1)
            ElementKernels.Scale(path, change, residualScale);
        ElementKernels.Add(path, sum, change);
    }
}
