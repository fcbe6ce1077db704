namespace LlmService.Hub.Tokens;

/// <summary>Where a <see cref="TokenSearch"/> looks. It reads no environment of its own: the variables are handed in.</summary>
public sealed record TokenSearchOptions
{
    /// <summary>A variable of the environment, as it stands; null when unset.</summary>
    public Func<string, string?> Environment { get; init; } = _ => null;

    /// <summary>A variable of <c>.env</c>, as it stands now; null when unset.</summary>
    public Func<string, string?> DotEnv { get; init; } = _ => null;

    /// <summary>The path of <c>.env</c>; null when there is none.</summary>
    public string? DotEnvPath { get; init; }

    /// <summary>Makes a full path of one that a user wrote.</summary>
    public Func<string, string> FullPath { get; init; } = Path.GetFullPath;

    /// <summary>The token file (<c>HF_TOKEN_PATH</c>, else <c>$HF_HOME/token</c>), a full path. <c>stored_tokens</c> lies beside it.</summary>
    public required string TokenPath { get; init; }

    /// <summary>Named tokens: <c>file:PATH</c>, <c>env:NAME</c> or <c>stored:NAME</c>. A name that is a repository's owner serves that owner's repositories.</summary>
    public IReadOnlyDictionary<string, string> Named { get; init; } = new Dictionary<string, string>();

    /// <summary>The named or stored token that is used where no owner has one of its own; null for the ordinary places.</summary>
    public string? Choice { get; init; }

    /// <summary>Whether only tokens that the configuration names are sent (<c>HF_HUB_DISABLE_IMPLICIT_TOKEN</c>).</summary>
    public bool OnlyNamed { get; init; }

    /// <summary>What a file of the working directory chose that decides who reads a token, such as <c>HF_ENDPOINT in .env</c>: only what stands
    /// in that <c>.env</c> is then sent. Null where nothing of the kind was chosen there.</summary>
    public string? OnlyDotEnvBecause { get; init; }

    /// <summary>Renews tokens of a browser login that end soon; null to leave them alone.</summary>
    public TokenRefresh? Refresh { get; init; }

    /// <summary>Told once of everything that the user should know, in sentences without secrets.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>Checks the names and forms.</summary>
    /// <exception cref="ArgumentException">A named token is of another form; the message names it and never quotes it.</exception>
    public void Validate()
    {
        foreach ((string name, string reference) in Named)
        {
            if (!TokenSearch.IsReference(reference))
                throw new ArgumentException($"tokens.{name} must be file:PATH, env:NAME or stored:NAME. A token itself does not belong there: put it into a file.", nameof(Named));
        }
    }
}
