using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>Chooses the experts of each token.</summary>
/// <param name="configuration">How.</param>
/// <param name="scores">Projection to a score for each expert.</param>
/// <param name="correction">Added to the scores in choosing only; null for none.</param>
internal sealed class Router(ExpertConfiguration configuration, Linear scores, float[]? correction)
{
    private const float TinySum = 1e-20f;

    /// <summary>For each expert the tokens that take it, with their weights.</summary>
    public List<ExpertShare>[] Choose(Memory<float> state, Pass pass)
    {
        int tokens = pass.TokenCount, count = configuration.Count;
        Memory<float> all = pass.Take("router", tokens * count);
        scores.Apply(state, tokens, all, pass.Compute);
        List<ExpertShare>[] shares = [.. Enumerable.Range(0, count).Select(_ => new List<ExpertShare>())];
        float[] preference = new float[count];
        int[] chosen = new int[configuration.PerToken];
        for (int token = 0; token < tokens; token++)
        {
            Span<float> weights = all.Span.Slice(token * count, count);
            Prefer(weights, preference, pass.Path);
            Best(preference, chosen);
            Weigh(weights, chosen, pass.Path);
            foreach (int expert in chosen)
                shares[expert].Add(new(token, weights[expert]));
        }
        return shares;
    }

    /// <summary>Turns scores into weights where that is done before choosing, and tells by what is chosen.</summary>
    private void Prefer(Span<float> weights, float[] preference, KernelPath path)
    {
        if (configuration.Router == RouterKind.SoftmaxOfAll)
            ElementKernels.Scale(path, weights, ElementKernels.SoftmaxWeights(path, weights));
        if (configuration.Router == RouterKind.Sigmoid)
        {
            foreach (ref float weight in weights)
                weight = 1 / (1 + ElementKernels.Exp(-weight));
        }
        for (int i = 0; i < preference.Length; i++)
            preference[i] = weights[i] + (correction?[i] ?? 0);
        if (configuration.GroupCount > 1)
            KeepBestGroups(preference);
    }

    /// <summary>Only experts of the best groups stay; a group is as good as its two best experts together. The others count as zero.</summary>
    private void KeepBestGroups(float[] preference)
    {
        int size = preference.Length / configuration.GroupCount;
        float[] groups = [.. preference.Chunk(size).Select(group => group.OrderDescending().Take(2).Sum())];
        int[] best = new int[configuration.GroupsPerToken];
        Best(groups, best);
        for (int i = 0; i < preference.Length; i++)
        {
            if (!best.Contains(i / size))
                preference[i] = 0;
        }
    }

    /// <summary>The indices of the highest values; of equal ones the first.</summary>
    private static void Best(float[] values, int[] chosen)
    {
        for (int i = 0; i < chosen.Length; i++)
        {
            int best = -1;
            for (int at = 0; at < values.Length; at++)
            {
                if ((best < 0 || values[at] > values[best]) && !chosen.AsSpan(0, i).Contains(at))
                    best = at;
            }
            chosen[i] = best;
        }
    }

    private void Weigh(Span<float> weights, int[] chosen, KernelPath path)
    {
        if (configuration.Router == RouterKind.SoftmaxOfChosen)
        {
            float[] scores = new float[chosen.Length];
            for (int i = 0; i < scores.Length; i++)
                scores[i] = weights[chosen[i]];
            ElementKernels.Scale(path, scores, ElementKernels.SoftmaxWeights(path, scores));
            for (int i = 0; i < scores.Length; i++)
                weights[chosen[i]] = scores[i];
        }
        float sum = 0;
        foreach (int expert in chosen)
            sum += weights[expert];
        float scale = configuration.Scale / (configuration.Normalizes ? sum + TinySum : 1);
        foreach (int expert in chosen)
            weights[expert] *= scale;
    }
}
