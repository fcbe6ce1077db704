namespace LlmService.Hub.Tokens;

/// <summary>A token that a login left behind under a name.</summary>
/// <param name="Name">The name.</param>
/// <param name="Token">The token.</param>
public sealed record StoredToken(string Name, Secret Token)
{
    private const int MaxNameLength = 100;

    /// <summary>What renews the token of a browser login.</summary>
    public Secret? RefreshToken { get; init; }

    /// <summary>When the token ends; null when that is not known.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Whether a name can stand in the file: 1 to 100 characters, no control character, no bracket, no space at the ends.</summary>
    public static bool IsName(string name) =>
        name.Length is > 0 and <= MaxNameLength && name.Trim() == name && !name.Any(c => char.IsControl(c) || c is '[' or ']')
        && !name.Equals("DEFAULT", StringComparison.OrdinalIgnoreCase);

    /// <summary>Makes a usable name of one that the Hub gave.</summary>
    public static string NameOf(string given)
    {
        string name = string.Concat(given.Select(c => char.IsControl(c) || c is '[' or ']' ? '-' : c)).Trim();
        name = name.Length > MaxNameLength ? name[..MaxNameLength].TrimEnd() : name;
        return IsName(name) ? name : "token";
    }
}
