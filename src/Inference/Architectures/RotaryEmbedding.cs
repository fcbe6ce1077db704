using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Architectures;

/// <summary>Rotary positions: the angles of a batch, and their use on queries and keys.</summary>
internal sealed class RotaryEmbedding(RotaryConfiguration configuration, int headSize)
{
    private readonly float[] _frequencies = configuration.Frequencies(headSize);
    private float[] _cosines = [];
    private float[] _sines = [];

    /// <summary>Computes the angles of the positions of a batch.</summary>
    public void Prepare(ReadOnlySpan<int> positions)
    {
        int half = _frequencies.Length;
        if (_cosines.Length < positions.Length * half)
        {
            _cosines = new float[positions.Length * half];
            _sines = new float[positions.Length * half];
        }
        for (int token = 0; token < positions.Length; token++)
        {
            for (int i = 0; i < half; i++)
            {
                // The product is rounded to a float first, as the reference does.
                float angle = positions[token] * _frequencies[i];
                _cosines[token * half + i] = (float)Math.Cos(angle);
                _sines[token * half + i] = (float)Math.Sin(angle);
            }
        }
    }

    /// <summary>Rotates the first heads of every row.</summary>
    /// <param name="values">[tokens, stride].</param>
    /// <param name="stride">Length of a row.</param>
    /// <param name="tokens">How many rows.</param>
    /// <param name="heads">How many heads, from the row's beginning.</param>
    /// <param name="path">Which kernels.</param>
    public void Apply(Span<float> values, int stride, int tokens, int heads, KernelPath path)
    {
        int half = _frequencies.Length;
        for (int token = 0; token < tokens; token++)
        {
            for (int head = 0; head < heads; head++)
                ElementKernels.Rotate(path, values.Slice(token * stride + head * headSize, headSize), _cosines.AsSpan(token * half, half), _sines.AsSpan(token * half, half));
        }
    }
}
