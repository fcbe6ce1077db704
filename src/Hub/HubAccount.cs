using System.Globalization;
using System.Text.Json;

namespace LlmService.Hub;

/// <summary>An organization that an account belongs to.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Role">The account's role in it; null when the Hub did not say.</param>
public sealed record HubOrganization(string Name, string? Role);

/// <summary>What a fine-grained token may do to one thing.</summary>
/// <param name="EntityType">The kind of thing: <c>model</c>, <c>user</c>, <c>org</c> and others.</param>
/// <param name="EntityName">Its name; null when the Hub did not say.</param>
/// <param name="Permissions">The permissions, as the Hub names them: <c>repo.content.read</c> and others.</param>
public sealed record HubTokenScope(string EntityType, string? EntityName, IReadOnlyList<string> Permissions);

/// <summary>Who a token belongs to and what it may do, as <c>whoami-v2</c> tells it. Everything beyond the name is optional there.</summary>
/// <param name="Name">The account's name.</param>
public sealed record HubAccount(string Name)
{
    private const int MaxNameLength = 96;
    private const int MaxTextLength = 200;
    private const int MaxItems = 1000;

    /// <summary>The name that the account's owner gives; null when there is none.</summary>
    public string? FullName { get; private init; }

    /// <summary><c>user</c>, <c>org</c> or <c>app</c>.</summary>
    public string? Type { get; private init; }

    /// <summary>The organizations of the account.</summary>
    public IReadOnlyList<HubOrganization> Organizations { get; private init; } = [];

    /// <summary>The token's name in the account's settings; null for browser logins.</summary>
    public string? TokenName { get; private init; }

    /// <summary><c>read</c>, <c>write</c> or <c>fineGrained</c>; null for browser logins.</summary>
    public string? Role { get; private init; }

    /// <summary>Whether a fine-grained token may read gated repositories; null for other tokens.</summary>
    public bool? CanReadGatedRepositories { get; private init; }

    /// <summary>What a fine-grained token may do everywhere.</summary>
    public IReadOnlyList<string> GlobalPermissions { get; private init; } = [];

    /// <summary>What a fine-grained token may do where.</summary>
    public IReadOnlyList<HubTokenScope> Scopes { get; private init; } = [];

    /// <summary>When the token ends; null when it does not, or the Hub did not say.</summary>
    public DateTimeOffset? Expires { get; private init; }

    /// <summary>Reads the answer; null when it names no account.</summary>
    internal static HubAccount? Read(JsonElement root)
    {
        if (Text(root, "name") is not { Length: > 0 and <= MaxNameLength } name)
            return null;
        JsonElement auth = Part(root, "auth");
        JsonElement token = Part(auth, "accessToken");
        JsonElement fine = Part(token, "fineGrained");
        return new HubAccount(name)
        {
            FullName = Text(root, "fullname"),
            Type = Text(root, "type"),
            Organizations = [.. Items(root, "orgs").Where(org => Text(org, "name") is not null).Select(org => new HubOrganization(Text(org, "name")!, Text(org, "roleInOrg")))],
            TokenName = Text(token, "displayName"),
            Role = Text(token, "role"),
            CanReadGatedRepositories = Flag(fine, "canReadGatedRepos"),
            GlobalPermissions = Texts(fine, "global"),
            Scopes = [.. Items(fine, "scoped").Select(Scope)],
            Expires = Date(token, "expiration") ?? Date(auth, "expiresAt"),
        };
    }

    private static HubTokenScope Scope(JsonElement scope)
    {
        JsonElement entity = Part(scope, "entity");
        return new HubTokenScope(Text(entity, "type") ?? "unknown", Text(entity, "name"), Texts(scope, "permissions"));
    }

    private static JsonElement Part(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out JsonElement part) ? part : default;

    // Other people's texts end up on a terminal: no control characters, and a sane length.
    private static string? Text(JsonElement parent, string name) => Clean(Part(parent, name));

    private static string? Clean(JsonElement value) =>
        value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= MaxTextLength } text && !text.Any(char.IsControl) ? text : null;

    private static bool? Flag(JsonElement parent, string name) => Part(parent, name).ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };

    private static IEnumerable<JsonElement> Items(JsonElement parent, string name) =>
        Part(parent, name) is { ValueKind: JsonValueKind.Array } array ? array.EnumerateArray().Take(MaxItems) : [];

    private static List<string> Texts(JsonElement parent, string name) => [.. Items(parent, name).Select(Clean).OfType<string>()];

    private static DateTimeOffset? Date(JsonElement parent, string name) =>
        DateTimeOffset.TryParse(Text(parent, name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset date) ? date : null;
}
