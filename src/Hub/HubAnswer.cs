namespace LlmService.Hub;

/// <summary>The last answer of a chain of redirects. The content is not read yet.</summary>
internal sealed class HubAnswer(HttpResponseMessage response, Uri uri) : IDisposable
{
    public HttpResponseMessage Response { get; } = response;

    /// <summary>The address that gave the answer.</summary>
    public Uri Uri { get; } = uri;

    public int Status => (int)Response.StatusCode;

    /// <summary>Whether the answer came from the Hub's own origin, without a foreign hop before it.</summary>
    public required bool FromHub { get; init; }

    /// <summary>The token that the last request carried; null when it went anonymously.</summary>
    public required HubToken? Token { get; init; }

    public bool TokenSent => Token is not null;

    /// <summary>X-Repo-Commit of the latest Hub hop that had it.</summary>
    public required string? Commit { get; init; }

    /// <summary>Where the redirect that leaves the Hub leads to, when the request said to stop there.</summary>
    public Uri? ForeignLocation { get; init; }

    public bool IsGood => Response.IsSuccessStatusCode || ForeignLocation is not null;

    public void Dispose() => Response.Dispose();
}
