using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>A mixture of experts (Shazeer et al. 2017): each token goes through the few feed-forward blocks that the router gives it.</summary>
/// <param name="router">Chooses and weighs.</param>
/// <param name="experts">The blocks.</param>
/// <param name="shared">A block that every token takes; null for none.</param>
/// <param name="sharedGate">Its weight for each token, through a sigmoid; null for 1.</param>
internal sealed class Experts(Router router, IReadOnlyList<FeedForward> experts, FeedForward? shared, Linear? sharedGate) : IBlock
{
    public void Apply(Memory<float> state, Pass pass, Memory<float> output)
    {
        int tokens = pass.TokenCount, hidden = output.Length / tokens;
        List<ExpertShare>[] shares = router.Choose(state, pass);
        output.Span.Clear();
        // The sum of a token runs in the order of the experts, whoever else is in the batch.
        for (int expert = 0; expert < experts.Count; expert++)
        {
            if (shares[expert].Count > 0)
                Add(experts[expert], shares[expert], state.Span, hidden, pass, output.Span);
        }
        if (shared is not null)
            AddShared(state, hidden, pass, output.Span);
    }

    private static void Add(FeedForward expert, List<ExpertShare> shares, ReadOnlySpan<float> state, int hidden, Pass pass, Span<float> output)
    {
        Memory<float> input = pass.Take("expert input", shares.Count * hidden), results = pass.Take("expert output", shares.Count * hidden);
        for (int i = 0; i < shares.Count; i++)
            state.Slice(shares[i].Token * hidden, hidden).CopyTo(input.Span[(i * hidden)..]);
        expert.Apply(input, shares.Count, pass, results);
        for (int i = 0; i < shares.Count; i++)
        {
            Span<float> row = results.Span.Slice(i * hidden, hidden);
            ElementKernels.Scale(pass.Path, row, shares[i].Weight);
            ElementKernels.Add(pass.Path, output.Slice(shares[i].Token * hidden, hidden), row);
        }
    }

    private void AddShared(Memory<float> state, int hidden, Pass pass, Span<float> output)
    {
        int tokens = pass.TokenCount;
        Memory<float> results = pass.Take("expert output", tokens * hidden);
        shared!.Apply(state, tokens, pass, results);
        if (sharedGate is not null)
        {
            Memory<float> gates = pass.Take("expert gates", tokens);
            sharedGate.Apply(state, tokens, gates, pass.Compute);
            for (int token = 0; token < tokens; token++)
                ElementKernels.Scale(pass.Path, results.Span.Slice(token * hidden, hidden), 1 / (1 + ElementKernels.Exp(-gates.Span[token])));
        }
        ElementKernels.Add(pass.Path, output, results.Span);
    }
}

/// <summary>One token's share of an expert.</summary>
internal readonly record struct ExpertShare(int Token, float Weight);
