namespace LlmService.Hub;

/// <summary>The facts that an explanation is made of. None of them holds a secret.</summary>
public sealed record HubFacts
{
    /// <summary>The repository that was asked for.</summary>
    public string? Repository { get; init; }

    /// <summary>The revision that was asked for.</summary>
    public string? Revision { get; init; }

    /// <summary>The revisions that there are, where the one asked for is not among them.</summary>
    public IReadOnlyList<string> Revisions { get; init; } = [];

    /// <summary>The file that was asked for, relative to the repository.</summary>
    public string? File { get; init; }

    /// <summary>The endpoint, without credentials or query.</summary>
    public string? Endpoint { get; init; }

    /// <summary>The host at fault, where it is not the endpoint but one that the endpoint sent us to.</summary>
    public string? Host { get; init; }

    /// <summary>The cache folder, where it is at fault.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>Where the token that was sent came from; null when none was sent.</summary>
    public string? TokenSource { get; init; }

    /// <summary>What the user should know of tokens that were not sent, such as one under a name that Hub tools do not read.</summary>
    public string? Hint { get; init; }

    /// <summary>The account that the token belongs to, where it was learned.</summary>
    public string? Account { get; init; }

    /// <summary>The server's own sentence, cut to a sane length.</summary>
    public string? ServerMessage { get; init; }

    /// <summary>The HTTP status; null when there was no answer.</summary>
    public int? Status { get; init; }

    /// <summary>The request id to quote to the Hub's support.</summary>
    public string? RequestId { get; init; }

    /// <summary>When it makes sense to try again.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>What was seen, in a few words, where the diagnosis alone does not say it.</summary>
    public string? Detail { get; init; }
}
