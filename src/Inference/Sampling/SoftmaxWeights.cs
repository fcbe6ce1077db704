using System.Numerics.Tensors;

namespace LlmService.Inference.Sampling;

/// <summary>Probabilities up to a common factor: the best token has weight 1, a masked one 0.</summary>
internal static class SoftmaxWeights
{
    /// <summary>Writes the weight of every score and returns their sum.</summary>
    public static double Compute(ReadOnlySpan<float> scores, Span<float> weights)
    {
        float best = TensorPrimitives.Max(scores);
        if (float.IsInfinity(best))
        {
            // Differences of infinities are not numbers. Those that are best share everything.
            for (int i = 0; i < scores.Length; i++)
                weights[i] = scores[i] == best ? 1 : 0;
        }
        else
        {
            TensorPrimitives.Subtract(scores, best, weights);
            TensorPrimitives.Exp(weights, weights);
        }

        return Sum(weights);
    }

    // Four sums, which do not wait for each other.
    private static double Sum(ReadOnlySpan<float> weights)
    {
        double first = 0, second = 0, third = 0, fourth = 0;
        int i = 0;
        for (; i <= weights.Length - 4; i += 4)
        {
            first += weights[i];
            second += weights[i + 1];
            third += weights[i + 2];
            fourth += weights[i + 3];
        }
        for (; i < weights.Length; i++)
            first += weights[i];
        return first + second + (third + fourth);
    }

    /// <summary>The entropy of the distribution that has these weights, of this sum.</summary>
    public static double Entropy(ReadOnlySpan<float> weights, double sum)
    {
        double entropy = 0;
        foreach (float weight in weights)
        {
            if (weight > 0)
                entropy -= weight / sum * Math.Log(weight / sum);
        }

        return entropy;
    }
}
