using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>Rotary positions: the angles of a pass, and their use on queries and keys.</summary>
/// <param name="configuration">Frequencies.</param>
/// <param name="headSize">Width of a head.</param>
internal sealed class RotaryEmbedding(RotaryConfiguration configuration, int headSize)
{
    private readonly float[] _frequencies = configuration.Frequencies(headSize);
    private readonly float _magnitude = configuration.Magnitude;
    private readonly int? _lengthLimit = configuration.LengthLimit;
    private float[] _cosines = [];
    private float[] _sines = [];

    /// <summary>Computes the angles of the positions of a pass.</summary>
    public void Prepare(Pass pass)
    {
        int half = _frequencies.Length, tokens = pass.TokenCount;
        if (_cosines.Length < tokens * half)
        {
            _cosines = new float[tokens * half];
            _sines = new float[tokens * half];
        }
        int lastLength = -1;
        float[] frequencies = _frequencies;
        for (int token = 0; token < tokens; token++)
        {
            if (_lengthLimit is { } limit && pass.Lengths[token] != lastLength)
            {
                lastLength = pass.Lengths[token];
                frequencies = lastLength > limit ? configuration.Frequencies(headSize, lastLength) : _frequencies;
            }
            for (int i = 0; i < half; i++)
            {
                // The product is rounded to a float first, as the reference does.
                float angle = pass.Positions[token] * frequencies[i];
                _cosines[token * half + i] = (float)Math.Cos(angle) * _magnitude;
                _sines[token * half + i] = (float)Math.Sin(angle) * _magnitude;
            }
        }
    }

    /// <summary>Rotates the first heads of a token's row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="token">The token of the pass.</param>
    /// <param name="heads">How many heads, from the row's beginning.</param>
    /// <param name="path">Which kernels.</param>
    public void Apply(Span<float> row, int token, int heads, KernelPath path)
    {
        for (int head = 0; head < heads; head++)
            Turn(row.Slice(head * headSize, 2 * _frequencies.Length), token, path);
    }

    /// <summary>Rotates one head of a token.</summary>
    /// <param name="head">As many numbers as turn.</param>
    /// <param name="token">The token of the pass.</param>
    /// <param name="path">Which kernels.</param>
    public void Turn(Span<float> head, int token, KernelPath path)
    {
        int half = _frequencies.Length;
        ReadOnlySpan<float> cosines = _cosines.AsSpan(token * half, half), sines = _sines.AsSpan(token * half, half);
        if (configuration.IsInterleaved)
            ElementKernels.RotatePairs(head, cosines, sines);
        else
            ElementKernels.Rotate(path, head, cosines, sines);
    }
}
