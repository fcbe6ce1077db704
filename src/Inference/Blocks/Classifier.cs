using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>Scores a text by the state of its first token, or by the mean of all.</summary>
/// <param name="dense">A map before the scores; null for none.</param>
/// <param name="activation">Its activation.</param>
/// <param name="output">The map to the scores.</param>
/// <param name="usesMean">Whether the mean is scored.</param>
internal sealed class Classifier(Linear? dense, Activation activation, Linear output, bool usesMean)
{
    /// <summary>A norm behind the activation; null for none.</summary>
    public Norm? Norm { get; init; }

    /// <summary>How many scores a text has.</summary>
    public int Labels => output.Outputs;

    /// <summary>Computes the raw scores of one text.</summary>
    /// <param name="states">[tokens, hidden], its own only.</param>
    /// <param name="hidden">Width of a state.</param>
    /// <param name="scores">Receives <see cref="Labels"/> numbers.</param>
    /// <param name="pass">Buffers and threads.</param>
    public void Score(ReadOnlySpan<float> states, int hidden, Span<float> scores, Pass pass)
    {
        Memory<float> text = pass.Take("classified", hidden), mapped = pass.Take("classifier", hidden), results = pass.Take("scores", Labels);
        states[..hidden].CopyTo(text.Span);
        if (usesMean)
        {
            for (int at = hidden; at < states.Length; at += hidden)
                ElementKernels.Add(pass.Path, text.Span, states.Slice(at, hidden));
            ElementKernels.Scale(pass.Path, text.Span, (float)hidden / states.Length);
        }
        if (dense is not null)
        {
            dense.Apply(text, 1, mapped, pass.Compute);
            ElementKernels.Activate(pass.Path, activation, mapped.Span);
            text = mapped;
        }
        Norm?.Apply(text, 1, text, pass.Compute);
        output.Apply(text, 1, results, pass.Compute);
        results.Span.CopyTo(scores);
    }
}
