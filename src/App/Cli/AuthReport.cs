using System.Globalization;
using System.Text.Json.Nodes;
using LlmService.Hub;
using LlmService.Hub.Tokens;

namespace LlmService.App.Cli;

/// <summary>What <c>auth status</c> found, as text and as JSON.</summary>
/// <param name="Session">The settings.</param>
/// <param name="Places">Every place that was looked at, in order.</param>
/// <param name="Named">The named tokens of the configuration.</param>
/// <param name="Token">The token that is used; null for none.</param>
internal sealed record AuthReport(AuthSession Session, IReadOnlyList<TokenPlace> Places, IReadOnlyDictionary<string, TokenPlace> Named, HubToken? Token)
{
    /// <summary>What the Hub says of the token; null when it was not asked or did not say.</summary>
    public HubAccount? Account { get; init; }

    /// <summary>Why the Hub said nothing, or that it refuses the token.</summary>
    public Failure? Failure { get; init; }

    public JsonObject ToJson()
    {
        JsonObject answer = Failure is { } failure ? JsonOutput.OfFailure(failure) : new() { ["ok"] = true };
        answer["endpoint"] = Session.Endpoint;
        answer["offline"] = Session.Hub.Offline;
        answer["token"] = Token is null ? null : AuthSession.Describe(Token, Account);
        answer["account"] = Account is null ? null : AuthSession.Describe(Account);
        answer["places"] = new JsonArray([.. Places.Select(place => Describe(place))]);
        answer["named"] = new JsonObject([.. Named.Select(named => KeyValuePair.Create<string, JsonNode?>(named.Key, Describe(named.Value)))]);
        answer["warnings"] = AuthSession.Texts(Warnings());
        return answer;
    }

    public void Write(TextWriter writer)
    {
        writer.WriteLine($"Endpoint: {Session.Endpoint}");
        writer.WriteLine("Places, in the order in which they are looked at:");
        int width = Places.Concat(Named.Values).Select(place => Name(place.State).Length).DefaultIfEmpty().Max();
        foreach (TokenPlace place in Places)
            writer.WriteLine(Line(place, place.Name, width));
        if (Named.Count > 0)
            writer.WriteLine("Named tokens, for the repositories of the owner of that name:");
        foreach ((string name, TokenPlace place) in Named)
            writer.WriteLine(Line(place, $"{name}: {place.Name}", width));
        WriteToken(writer);
        foreach (string warning in Warnings())
            writer.WriteLine($"warning: {warning}");
    }

    private void WriteToken(TextWriter writer)
    {
        writer.WriteLine(Token is null
            ? "Token: none. Public models need none."
            : $"Token: {Token.Source}, fingerprint {Token.Secret.Fingerprint}");
        if (Token is not null && Session.Hub.Offline)
            writer.WriteLine("Account: not asked, the offline switch HF_HUB_OFFLINE is on");
        if (Account is null)
            return;
        string organizations = Account.Organizations.Count == 0 ? "" : $", organizations: {string.Join(", ", Account.Organizations.Select(o => o.Role is null ? o.Name : $"{o.Name} ({o.Role})"))}";
        writer.WriteLine($"Account: {Account.Name}{organizations}");
        writer.WriteLine($"Role: {Account.Role ?? "login in the browser"}{(Account.TokenName is { } name ? $", called '{name}'" : "")}");
        if (Account.CanReadGatedRepositories is { } gated)
            writer.WriteLine($"Gated repositories: {(gated ? "may be read" : "not covered by this fine-grained token")}");
        if (Account.GlobalPermissions.Count > 0)
            writer.WriteLine($"Everywhere: {string.Join(", ", Account.GlobalPermissions)}");
        foreach (HubTokenScope scope in Account.Scopes)
            writer.WriteLine($"Scope: {scope.EntityType} {scope.EntityName}: {string.Join(", ", scope.Permissions)}");
        writer.WriteLine($"Expires: {Account.Expires?.ToString("u", CultureInfo.InvariantCulture) ?? "no end is known"}");
    }

    private List<string> Warnings()
    {
        List<string> warnings = [];
        if (Account?.Role == "write")
            warnings.Add($"The token may write, and this program only reads. Make one with the role 'read' at {Session.TokenPage}.");
        TokenPlace? used = Places.FirstOrDefault(place => place.State == TokenPlaceState.Used);
        foreach (TokenPlace hidden in Places.Where(place => place.State == TokenPlaceState.Shadowed && !place.Token!.Secret.Equals(used!.Token!.Secret)).DistinctBy(place => place.Token!.Secret))
            warnings.Add($"{used!.Name} hides another token, from {hidden.Name}. If that one is the newer login, remove the first.");
        foreach (TokenPlace place in Places.Concat(Named.Values).Where(IsAmiss))
            warnings.Add($"{place.Name}: {place.Detail}");
        foreach (string file in Places.Concat(Named.Values).Where(place => place.Token is not null).Select(place => place.File).OfType<string>().Distinct(StringComparer.Ordinal))
        {
            if (TokenFileRisks.IsWorldReadable(file))
                warnings.Add($"Everybody on this machine may read '{file}'. Close it: chmod 600 '{file}'.");
            if (TokenFileRisks.IsExposedToGit(file))
                warnings.Add($"'{file}' holds a token, lies in a git work tree and is not ignored there. Add it to .gitignore.");
        }
        return warnings;
    }

    private bool IsAmiss(TokenPlace place) =>
        place.State is TokenPlaceState.Invalid or TokenPlaceState.Missing or TokenPlaceState.Unreadable or TokenPlaceState.NotRead
        || (place.State == TokenPlaceState.Excluded && Token is null);

    private static string Line(TokenPlace place, string name, int width) =>
        $"  {(place.State == TokenPlaceState.Used ? "*" : " ")} {Name(place.State).PadRight(width)}  {name}"
        + (place.Token is { } token ? $"  fingerprint {token.Secret.Fingerprint}" : "") + (place.Detail is { } detail ? $"  ({detail})" : "");

    private static JsonObject Describe(TokenPlace place) => new()
    {
        ["name"] = place.Name,
        ["state"] = Name(place.State),
        ["detail"] = place.Detail,
        ["file"] = place.File,
        ["fingerprint"] = place.Token?.Secret.Fingerprint,
    };

    private static string Name(TokenPlaceState state) => state switch
    {
        TokenPlaceState.Used => "used",
        TokenPlaceState.Shadowed => "shadowed",
        TokenPlaceState.Unset => "unset",
        TokenPlaceState.Invalid => "invalid",
        TokenPlaceState.Missing => "missing",
        TokenPlaceState.Unreadable => "unreadable",
        TokenPlaceState.Excluded => "excluded",
        TokenPlaceState.NotRead => "not_read",
        _ => throw new InvalidOperationException($"unknown state {state}"),
    };
}
