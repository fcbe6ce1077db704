namespace LlmService.Hub.Tokens;

/// <summary>What a place that may hold a token was found to hold.</summary>
public enum TokenPlaceState
{
    /// <summary>The token that is sent.</summary>
    Used,
    /// <summary>A token that an earlier place hides.</summary>
    Shadowed,
    /// <summary>Nothing.</summary>
    Unset,
    /// <summary>Something that no token is; the next place is tried.</summary>
    Invalid,
    /// <summary>A setting names a file or a token that does not exist.</summary>
    Missing,
    /// <summary>A file that cannot be read.</summary>
    Unreadable,
    /// <summary>A token that a rule keeps from being sent.</summary>
    Excluded,
    /// <summary>A name that Hub tools do not read.</summary>
    NotRead,
}

/// <summary>One place where a token was looked for.</summary>
/// <param name="Name">The place, such as <c>environment variable HF_TOKEN</c>.</param>
/// <param name="State">What was found.</param>
public sealed record TokenPlace(string Name, TokenPlaceState State)
{
    /// <summary>Why, in one sentence; null where the state says it all.</summary>
    public string? Detail { get; init; }

    /// <summary>The token; null where there is none to send.</summary>
    public HubToken? Token { get; init; }

    /// <summary>The file, where the place is one.</summary>
    public string? File { get; init; }

    /// <summary>The variable or field that names the file or token; a mistake there is the user's, not an empty place.</summary>
    internal string? NamedBy { get; init; }

    internal TokenOrigin Origin { get; init; }
}

/// <summary>Who put a token where it was found.</summary>
internal enum TokenOrigin
{
    Environment,
    DotEnv,
    DotEnvFile,
    Login,
    Configuration,
}
