namespace LlmService.Hub;

/// <summary>What the caller was looking for; it makes a 404 precise.</summary>
internal enum Target
{
    Repository,
    Listing,
    File,
}

/// <summary>What a request is about, for messages.</summary>
internal sealed record Subject(RepoId Repository, string Revision, Target Target, string? File = null);

/// <summary>One GET or HEAD, before redirects and retries.</summary>
internal sealed record HubRequest(HttpMethod Method, Uri Uri, Subject Subject)
{
    /// <summary>Send no token although there is one.</summary>
    public bool Anonymous { get; init; }

    /// <summary>Ask for the bytes from here on.</summary>
    public long RangeStart { get; init; }

    /// <summary>Ask for the bytes before this one; null asks for all that follow <see cref="RangeStart"/>.</summary>
    public long? RangeEnd { get; init; }

    /// <summary>The content of a file: the download's time-out counts, and a host that was dead a moment ago is asked all the same.</summary>
    public bool IsTransfer { get; init; }

    /// <summary>Hand the redirect that leaves the Hub to the caller instead of following it.</summary>
    public bool StopAtForeignHost { get; init; }

    /// <summary>Do not repeat a call whose failure is itself an answer.</summary>
    public bool Once { get; init; }
}
