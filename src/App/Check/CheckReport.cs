namespace LlmService.App.Check;

/// <summary>How a step of a check ended.</summary>
internal enum CheckStatus
{
    Passed,
    Failed,
    NotReached,
}

/// <summary>One step of a check.</summary>
internal sealed record CheckStep(string Name, CheckStatus Status, string Detail)
{
    /// <summary>The status on the wire.</summary>
    public string StatusName => Status switch
    {
        CheckStatus.Passed => "passed",
        CheckStatus.Failed => "failed",
        CheckStatus.NotReached => "not_reached",
        _ => throw new InvalidOperationException($"unknown status {Status}"),
    };
}

/// <summary>What a check found.</summary>
/// <param name="Model">The model as it was written.</param>
/// <param name="Steps">All steps, in their order.</param>
/// <param name="Failure">Why a load would fail; null when it would succeed. A step may fail without it: a dead token does not close a public model.</param>
internal sealed record CheckReport(string Model, IReadOnlyList<CheckStep> Steps, Failure? Failure)
{
    public bool Ok => Failure is null;
}
