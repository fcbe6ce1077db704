using LlmService.Hub;
using LlmService.Hub.Tokens;

namespace LlmService.App;

/// <summary>The tokens of this run: where they are looked for, and where a login puts them.</summary>
/// <param name="Search">Finds the token for a request.</param>
/// <param name="TokenPath">The token file of logins.</param>
/// <param name="EndpointFromDotEnv">Whether <c>.env</c> chose the endpoint, which then gets a token of that <c>.env</c> only.</param>
/// <param name="ClientId">The application that a login in the browser names.</param>
internal sealed record HubTokens(TokenSearch Search, string TokenPath, bool EndpointFromDotEnv, string ClientId)
{
    /// <summary>Sets up the search.</summary>
    /// <param name="context">Folders, and where warnings go.</param>
    /// <param name="settings">The variables.</param>
    /// <param name="home">The Hub's home folder.</param>
    /// <param name="hub">Endpoint and clock, for renewing a login.</param>
    /// <param name="mistakes">Receives a sentence for each setting that cannot be right.</param>
    public static HubTokens Read(ProcessContext context, Settings settings, string home, HubOptions hub, ICollection<string> mistakes)
    {
        string clientId = settings.Variable("HF_DEVICE_CODE_OAUTH_CLIENT_ID")?.Value ?? DeviceLogin.DefaultClientId;
        bool endpointFromDotEnv = settings.FromEnvironment("HF_ENDPOINT") is null && settings.FromDotEnv("HF_ENDPOINT") is not null;
        TokenSearchOptions options = new()
        {
            Environment = name => settings.FromEnvironment(name)?.Value,
            DotEnv = name => settings.FromCurrentDotEnv(name)?.Value,
            DotEnvPath = settings.DotEnvPath,
            FullPath = path => context.Expand(path),
            TokenPath = context.Expand(settings.Variable("HF_TOKEN_PATH")?.Value ?? Path.Combine(home, "token")),
            Named = settings.Map("Tokens", mistakes),
            Choice = settings.Find("LLM_SERVICE_TOKEN_NAME", "TokenName")?.Value,
            OnlyNamed = settings.IsOn("HF_HUB_DISABLE_IMPLICIT_TOKEN"),
            OnlyDotEnv = endpointFromDotEnv,
            Refresh = new TokenRefresh(hub, clientId),
            Warn = sentence => context.Error.WriteLine($"warning: {sentence}"),
        };
        try
        {
            options.Validate();
        }
        catch (ArgumentException e)
        {
            mistakes.Add(AppException.SentenceOf(e));
            options = options with { Named = new Dictionary<string, string>() };
        }
        return new(new TokenSearch(options), options.TokenPath, endpointFromDotEnv, clientId);
    }

    /// <summary>Gives a client's options the token of each request.</summary>
    public HubOptions AddTo(HubOptions hub) => hub with { Token = Search.Find(null), TokenFor = Search.FindAsync, TokenHint = Search.Hint };

    /// <summary>The sentence on a setting that names a file or a token that is not there; null when all is well.</summary>
    /// <param name="repository">The repository that a token is wanted for; null for requests that are about none.</param>
    public string? FindMistake(RepoId? repository) => Search.FirstMistake(repository) is { } place ? $"No token from {place.Name}: {place.Detail}" : null;
}
