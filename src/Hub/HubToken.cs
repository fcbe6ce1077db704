using System.Diagnostics;
using LlmService.Hub.Tokens;

namespace LlmService.Hub;

/// <summary>An access token and where it came from. Printing it prints the source only.</summary>
/// <param name="secret">The secret.</param>
/// <param name="source">Where it was found, such as <c>environment variable HF_TOKEN</c>.</param>
[DebuggerDisplay("{ToString(),nq}")]
public sealed class HubToken(Secret secret, string source)
{
    /// <summary>A token from a text.</summary>
    /// <param name="value">The secret, as it goes into the header.</param>
    /// <param name="source">Where it was found.</param>
    public HubToken(string value, string source)
        : this(new Secret(value), source)
    {
    }

    /// <summary>Where the token was found.</summary>
    public string Source { get; } = source;

    /// <summary>The secret. It goes into the Authorization header and nowhere else.</summary>
    public Secret Secret { get; } = secret;

    /// <inheritdoc/>
    public override string ToString() => $"token from {Source}";
}
