namespace LlmService.App.Evaluation;

/// <summary>What a model made of one document. A document that failed has no tags.</summary>
internal sealed record CaseResult
{
    public required EvaluationCase Case { get; init; }

    public required TagComparison Comparison { get; init; }

    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>What the model wrote.</summary>
    public string Answer { get; init; } = "";

    /// <summary>Whether the answer reads as a list: it has a tag, and none of its tags is a sentence.</summary>
    public bool IsList { get; init; }

    /// <summary>How many parts the document was split into.</summary>
    public int Parts { get; init; }

    public TimeSpan Duration { get; init; }

    /// <summary>Why it failed; null when it did not.</summary>
    public Failure? Failure { get; init; }
}
