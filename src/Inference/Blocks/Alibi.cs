using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Blocks;

/// <summary>Attention with linear biases (Press et al. 2022): each head's scores fall with the distance, at a slope of its own.</summary>
internal sealed class Alibi : IScoreBias
{
    private readonly float[] _slopes;
    private readonly float _scale;
    private readonly bool _rounds;

    /// <summary>Makes the slopes.</summary>
    /// <param name="configuration">How.</param>
    /// <param name="heads">How many.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    public Alibi(AlibiConfiguration configuration, int heads, float scale)
    {
        _rounds = configuration.Rounds;
        // The reference adds Falcon's bias twice: once to the scores before they are scaled, and once in its mask.
        _scale = _rounds ? 2 * scale : 1;
        int power = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)heads);
        if (configuration.InterleavesRest)
        {
            // The reference doubles up to the next power, and takes every second slope first.
            float[] all = Slopes(power, configuration.Steepest);
            _slopes = power == heads ? all : [.. all.Where((_, i) => i % 2 == 1).Concat(all.Where((_, i) => i % 2 == 0)).Take(heads)];
            return;
        }
        int below = power == heads ? heads : power / 2;
        _slopes = [.. Slopes(below, configuration.Steepest), .. Slopes(2 * below, configuration.Steepest).Where((_, i) => i % 2 == 0).Take(heads - below)];
        if (_rounds)
            _slopes = Array.ConvertAll(_slopes, Bfloat16.Round);
    }

    public void Add(KernelPath path, int head, int firstKey, int query, Span<float> scores)
    {
        float slope = _slopes[head];
        for (int i = 0; i < scores.Length; i++)
            scores[i] += _rounds ? Bfloat16.Round(slope * Bfloat16.Round(firstKey + i)) * _scale : slope * (firstKey + i - query);
    }

    private static float[] Slopes(int count, float steepest) => [.. Enumerable.Range(1, count).Select(i => (float)Math.Pow(2, -i * (double)steepest / count))];
}
