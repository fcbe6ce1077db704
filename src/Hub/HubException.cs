namespace LlmService.Hub;

/// <summary>The Hub, or the way to it, did not give what was asked for. The message is made from the diagnosis and the facts.</summary>
public sealed class HubException : Exception
{
    private readonly HubFacts _facts;

    /// <summary>Explains a diagnosis.</summary>
    /// <param name="diagnosis">Why.</param>
    /// <param name="facts">What is known about it.</param>
    /// <param name="innerException">What it was found by.</param>
    /// <exception cref="ArgumentOutOfRangeException">The diagnosis is none of <see cref="HubDiagnosis"/>.</exception>
    public HubException(HubDiagnosis diagnosis, HubFacts facts, Exception? innerException = null)
        : this(diagnosis, facts, Explanations.Find(diagnosis, facts), innerException)
    {
    }

    private HubException(HubDiagnosis diagnosis, HubFacts facts, Explanation explanation, Exception? innerException)
        : base(explanation.Message, innerException)
    {
        _facts = facts;
        Diagnosis = diagnosis;
        Remedy = explanation.Remedy;
    }

    /// <summary>Why.</summary>
    public HubDiagnosis Diagnosis { get; }

    /// <summary>What to do about it, with the page to open.</summary>
    public string Remedy { get; }

    /// <inheritdoc cref="HubFacts.Repository"/>
    public string? Repository => _facts.Repository;

    /// <inheritdoc cref="HubFacts.Revision"/>
    public string? Revision => _facts.Revision;

    /// <inheritdoc cref="HubFacts.Revisions"/>
    public IReadOnlyList<string> Revisions => _facts.Revisions;

    /// <inheritdoc cref="HubFacts.File"/>
    public string? File => _facts.File;

    /// <inheritdoc cref="HubFacts.Endpoint"/>
    public string? Endpoint => _facts.Endpoint;

    /// <inheritdoc cref="HubFacts.Host"/>
    public string? Host => _facts.Host;

    /// <inheritdoc cref="HubFacts.TokenSource"/>
    public string? TokenSource => _facts.TokenSource;

    /// <inheritdoc cref="HubFacts.Hint"/>
    public string? Hint => _facts.Hint;

    /// <inheritdoc cref="HubFacts.Account"/>
    public string? Account => _facts.Account;

    /// <inheritdoc cref="HubFacts.ServerMessage"/>
    public string? ServerMessage => _facts.ServerMessage;

    /// <inheritdoc cref="HubFacts.Status"/>
    public int? Status => _facts.Status;

    /// <inheritdoc cref="HubFacts.RequestId"/>
    public string? RequestId => _facts.RequestId;

    /// <inheritdoc cref="HubFacts.RetryAfter"/>
    public TimeSpan? RetryAfter => _facts.RetryAfter;

    /// <summary>The same failure with more, or other, facts.</summary>
    internal HubException With(Func<HubFacts, HubFacts> change) => new(Diagnosis, change(_facts), this);
}
