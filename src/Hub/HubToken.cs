namespace LlmService.Hub;

/// <summary>An access token and where it came from. Printing it prints the source only.</summary>
/// <param name="value">The secret.</param>
/// <param name="source">Where it was found, such as <c>environment variable HF_TOKEN</c>.</param>
public sealed class HubToken(string value, string source)
{
    /// <summary>Where the token was found.</summary>
    public string Source { get; } = source;

    /// <summary>The secret itself. It goes into the Authorization header and nowhere else.</summary>
    internal string Value { get; } = value;

    /// <inheritdoc/>
    public override string ToString() => $"token from {Source}";
}
