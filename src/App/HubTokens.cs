using LlmService.Hub;
using LlmService.Hub.Tokens;

namespace LlmService.App;

/// <summary>The tokens of this run: where they are looked for, and where a login puts them.</summary>
/// <param name="Search">Finds the token for a request.</param>
/// <param name="TokenPath">The token file of logins.</param>
/// <param name="ChosenByProject">What a file of the working directory chose that decides who reads a token; null for nothing.</param>
/// <param name="ClientId">The application that a login in the browser names.</param>
internal sealed record HubTokens(TokenSearch Search, string TokenPath, string? ChosenByProject, string ClientId)
{
    /// <summary>Sets up the search.</summary>
    /// <param name="context">Folders, and where warnings go.</param>
    /// <param name="settings">The variables.</param>
    /// <param name="home">The Hub's home folder.</param>
    /// <param name="hub">Endpoint and clock, for renewing a login.</param>
    /// <param name="authorities">Which certificate authorities are trusted besides those of the system.</param>
    /// <param name="mistakes">Receives a sentence for each setting that cannot be right.</param>
    public static HubTokens Read(ProcessContext context, Settings settings, string home, HubOptions hub, Setting? authorities, ICollection<string> mistakes)
    {
        string clientId = settings.Variable("HF_DEVICE_CODE_OAUTH_CLIENT_ID")?.Value ?? DeviceLogin.DefaultClientId;
        // Who chooses the endpoint gets the token; so does who chooses the authorities, by standing in between.
        string? chosen = new[] { settings.Variable("HF_ENDPOINT"), authorities }.FirstOrDefault(setting => setting is { IsOfProject: true })?.Source;
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
            OnlyDotEnvBecause = chosen,
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
        return new(new TokenSearch(options), options.TokenPath, chosen, clientId);
    }

    /// <summary>Gives a client's options the token of each request.</summary>
    public HubOptions AddTo(HubOptions hub) => hub with { Token = Search.Find(null), TokenFor = Search.FindAsync, TokenHint = Search.Hint };

    /// <summary>The sentence on a setting that names a file or a token that is not there; null when all is well.</summary>
    /// <param name="repository">The repository that a token is wanted for; null for requests that are about none.</param>
    public string? FindMistake(RepoId? repository) => Search.FirstMistake(repository) is { } place ? $"No token from {place.Name}: {place.Detail}" : null;
}
