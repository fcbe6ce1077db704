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
            part.First?.Apply(state.Span, pass.TokenCount, state.Span, pass.Path);
            Memory<float> input = state;
            if (part.Before is { } before)
            {
                // Blocks that share a norm share its result.
                if (!isParallel || before != last)
                    before.Apply(state.Span, pass.TokenCount, normed.Span, pass.Path);
                (input, last) = (normed, before);
            }
            part.Block.Apply(input, pass, change);
            part.After?.Apply(change.Span, pass.TokenCount, change.Span, pass.Path);
            if (residualScale != 1)
                ElementKernels.Scale(pass.Path, change.Span, residualScale);
            ElementKernels.Add(pass.Path, sum.Span, change.Span);
            part.Joined?.Apply(sum.Span, pass.TokenCount, sum.Span, pass.Path);
        }
        if (isParallel)
            sum.CopyTo(state);
    }
}
