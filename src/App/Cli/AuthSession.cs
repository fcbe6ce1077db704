using System.Text.Json.Nodes;
using LlmService.Hub;
using LlmService.Hub.Tokens;

namespace LlmService.App.Cli;

/// <summary>What the <c>auth</c> commands share: the settings of the Hub, the stored tokens, and the question who a token belongs to.</summary>
internal sealed class AuthSession
{
    /// <summary>The diagnosis where a command needs a token and there is none.</summary>
    public const string NoToken = "NoToken";

    private AuthSession(HubOptions hub, HubTokens tokens)
    {
        Hub = hub;
        Tokens = tokens;
        Store = new TokenStore(tokens.TokenPath, hub.TimeProvider);
    }

    public HubOptions Hub { get; }

    public HubTokens Tokens { get; }

    public TokenStore Store { get; }

    public string Endpoint => Hub.Endpoint.GetLeftPart(UriPartial.Path).TrimEnd('/');

    public string TokenPage => $"{Endpoint}/settings/tokens";

    /// <summary>Reads the settings. A token that is missing where a setting names one is no mistake here: these commands are there to show it.</summary>
    /// <exception cref="AppException">invalid_request.</exception>
    public static AuthSession Open(ProcessContext context)
    {
        List<string> mistakes = [];
        Settings settings = Settings.Read(context, mistakes);
        (HubOptions hub, HubTokens tokens) = AppOptions.ReadHub(context, settings, mistakes);
        return mistakes.Count == 0 ? new(hub, tokens) : throw new AppException(FailureCode.InvalidRequest, string.Join(" ", mistakes));
    }

    /// <summary>Asks the Hub about one token; about the one in use when none is given.</summary>
    /// <returns>The account; null when there is no token.</returns>
    /// <exception cref="HubException">The token is refused, or the Hub cannot be asked.</exception>
    public async Task<HubAccount?> WhoAmIAsync(HubToken? token, CancellationToken cancellationToken)
    {
        RefuseOffline();
        using HubClient client = new(token is null ? Hub : Hub with { Token = token, TokenFor = null });
        return await client.WhoAmIAsync(null, cancellationToken);
    }

    /// <summary>Works on the token files.</summary>
    /// <exception cref="AppException">forbidden: they cannot be read or written.</exception>
    public async Task<T> OnDiskAsync<T>(Func<TokenStore, Task<T>> work)
    {
        try
        {
            return await work(Store);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AppException(FailureCode.Forbidden, $"The token files in '{Path.GetDirectoryName(Store.TokenPath)}' cannot be used: {e.Message}", e)
            {
                Remedy = "Make the folder writable, or choose another with HF_HOME or HF_TOKEN_PATH.",
            };
        }
    }

    public void RefuseOffline()
    {
        if (Hub.Offline)
        {
            throw new AppException(FailureCode.HubUnreachable, "The offline switch HF_HUB_OFFLINE is on, and this needs the Hub.")
            {
                Diagnosis = nameof(HubDiagnosis.OfflineMode),
                Remedy = "Unset HF_HUB_OFFLINE.",
            };
        }
    }

    /// <summary>The failure where a token is needed and there is none.</summary>
    public AppException NotLoggedIn() => new(FailureCode.Unauthorized, "Not logged in: there is no token to use.")
    {
        Diagnosis = NoToken,
        Remedy = $"Log in with llm-service auth login, or set HF_TOKEN to a token made at {TokenPage}; llm-service auth status shows every place that was looked at."
            + (Hub.TokenHint is { } hint ? " " + hint : ""),
    };

    /// <summary>The failure where a name was given that no stored token has.</summary>
    public static AppException NoSuchName(string name, IReadOnlyList<StoredToken> tokens) => new(FailureCode.InvalidRequest, tokens.Count == 0
        ? $"There is no stored token '{name}': none is stored. Log in with llm-service auth login."
        : $"There is no stored token '{name}'. There are: {string.Join(", ", tokens.Select(t => t.Name))}.")
    { Parameter = "name" };

    /// <summary>The account's part of a JSON answer.</summary>
    public static JsonObject Describe(HubAccount account) => new()
    {
        ["name"] = account.Name,
        ["type"] = account.Type,
        ["fullname"] = account.FullName,
        ["organizations"] = new JsonArray([.. account.Organizations.Select(o => new JsonObject { ["name"] = o.Name, ["role"] = o.Role })]),
    };

    /// <summary>The token's part of a JSON answer.</summary>
    public static JsonObject Describe(HubToken token, HubAccount? account) => new()
    {
        ["source"] = token.Source,
        ["fingerprint"] = token.Secret.Fingerprint,
        ["name"] = account?.TokenName,
        ["role"] = account?.Role,
        ["can_read_gated"] = account?.CanReadGatedRepositories,
        ["global_permissions"] = Texts(account?.GlobalPermissions ?? []),
        ["scopes"] = new JsonArray([.. (account?.Scopes ?? []).Select(s => new JsonObject
        {
            ["type"] = s.EntityType, ["name"] = s.EntityName, ["permissions"] = Texts(s.Permissions),
        })]),
        ["expires_at"] = account?.Expires?.ToString("O", System.Globalization.CultureInfo.InvariantCulture),
    };

    public static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(t => JsonValue.Create(t))]);
}
