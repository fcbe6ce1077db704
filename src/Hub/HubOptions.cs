namespace LlmService.Hub;

/// <summary>What a <see cref="HubClient"/> needs to know. It reads no environment of its own.</summary>
public sealed record HubOptions
{
    /// <summary>The Hub, or a mirror of it; no trailing slash needed.</summary>
    public Uri Endpoint { get; init; } = new("https://huggingface.co");

    /// <summary>The cache folder (<c>$HF_HOME/hub</c>), shared with other Hub clients.</summary>
    public required string CacheFolder { get; init; }

    /// <summary>The token to send to the endpoint's origin; null to ask anonymously.</summary>
    public HubToken? Token { get; init; }

    /// <summary>When true no socket is opened; only the cache answers.</summary>
    public bool Offline { get; init; }

    /// <summary>How long to wait for the headers of a metadata answer.</summary>
    public TimeSpan MetadataTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a download may go without a byte.</summary>
    public TimeSpan DownloadTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The User-Agent header.</summary>
    public string UserAgent { get; init; } = "llm-service; dotnet/10.0";

    /// <summary>The clock for back-off and rate limits.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
