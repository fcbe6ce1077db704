namespace LlmService.Inference;

/// <summary>All updates of a request together.</summary>
internal sealed record Answer(
    string Text, IReadOnlyList<GeneratedToken> Tokens, IReadOnlyList<GeneratedToken>? Prompt, FinishReason? FinishReason, string? StopText)
{
    public int[] Ids => [.. Tokens.Select(t => t.Id)];

    public static Task<Answer> GatherAsync(LlmEngine engine, GenerationRequest request, CancellationToken cancellationToken)
    {
        // The request is in the queue before this returns.
        return GatherAsync(engine.GenerateAsync(request, cancellationToken));
    }

    private static async Task<Answer> GatherAsync(IAsyncEnumerable<GenerationUpdate> source)
    {
        var updates = new List<GenerationUpdate>();
        await foreach (GenerationUpdate update in source)
            updates.Add(update);

        Assert.NotNull(updates[0].PromptTokens);
        Assert.All(updates.Skip(1), update => Assert.Null(update.PromptTokens));
        Assert.All(updates.SkipLast(1), update => Assert.Null(update.FinishReason));
        Assert.NotNull(updates[^1].FinishReason);
        return new Answer(
            string.Concat(updates.Select(u => u.Text)),
            [.. updates.SelectMany(u => u.Tokens)],
            updates[0].PromptTokens,
            updates[^1].FinishReason,
            updates[^1].StopText);
    }
}
