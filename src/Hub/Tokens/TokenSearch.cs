using System.Collections.Concurrent;

namespace LlmService.Hub.Tokens;

/// <summary>Finds the token for a request. Files are read at every call, so a replaced secret is sent with the next request.</summary>
/// <remarks>
/// The order: the token that the configuration names for the repository's owner; the one that it chose; the environment (each name of
/// <see cref="Names"/>, then the file that <c>NAME_FILE</c> names); <c>.env</c> in the same way; the token file; <c>stored_tokens</c>.
/// What is named for an owner or chosen is used alone: another token never stands in for it.
/// </remarks>
public sealed class TokenSearch
{
    /// <summary>The variables that hold a token, the first one first.</summary>
    public static readonly IReadOnlyList<string> Names = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_TOKEN"];

    /// <summary>Variables of other tools; they are named to the user and never used.</summary>
    public static readonly IReadOnlyList<string> OtherNames =
        ["HUGGINGFACE_HUB_TOKEN", "HUGGINGFACEHUB_API_TOKEN", "HF_API_TOKEN", "HF_ACCESS_TOKEN", "HUGGINGFACE_API_KEY", "HUGGINGFACE_API_TOKEN", "HF_API_KEY"];

    private const string FilePrefix = "file:";
    private const string VariablePrefix = "env:";
    private const string StoredPrefix = "stored:";

    private readonly TokenSearchOptions _options;
    private readonly TokenFiles _files = new();
    private readonly ConcurrentDictionary<string, bool> _warned = new(StringComparer.Ordinal);

    /// <summary>Makes a search.</summary>
    /// <param name="options">Where to look.</param>
    /// <exception cref="ArgumentException">See <see cref="TokenSearchOptions.Validate"/>.</exception>
    public TokenSearch(TokenSearchOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
    }

    /// <summary>The path of <c>stored_tokens</c>.</summary>
    public string StoredPath => TokenStore.StoredPathOf(_options.TokenPath);

    /// <summary>Why no token is sent although one lies somewhere: it is held back, or stands under a name that is not read; null when there is nothing to say.</summary>
    public string? Hint
    {
        get
        {
            if (Walk(null).FirstOrDefault(place => place.State == TokenPlaceState.Excluded) is { } held)
                return $"There is a token ({held.Name}), but it is not sent: {held.Detail}";
            string[] others = [.. OtherPlaces().Select(place => place.Name)];
            return others.Length == 0 ? null : $"There is a token under a name that this program does not read ({string.Join(", ", others)}): call it HF_TOKEN.";
        }
    }

    /// <summary>The token for a repository, renewed first if it came from a browser login and ends soon.</summary>
    /// <param name="repository">The repository; null for requests that are about none.</param>
    /// <param name="cancellationToken">Stops the renewal.</param>
    /// <returns>The token; null to ask anonymously.</returns>
    public async ValueTask<HubToken?> FindAsync(RepoId? repository, CancellationToken cancellationToken)
    {
        HubToken? token = Find(repository, out TokenPlace? place);
        if (token is null || place!.Origin != TokenOrigin.Login || _options.Refresh is not { } refresh)
            return token;
        Secret renewed = await refresh.RenewAsync(token.Secret, _options.TokenPath, Warn, cancellationToken).ConfigureAwait(false);
        return renewed.Equals(token.Secret) ? token : new HubToken(renewed, token.Source);
    }

    /// <summary>The token for a repository as it lies there now.</summary>
    public HubToken? Find(RepoId? repository) => Find(repository, out _);

    /// <summary>Every place that is looked at for a repository, in order, and what it holds.</summary>
    /// <param name="repository">The repository; null for requests that are about none.</param>
    public IReadOnlyList<TokenPlace> Look(RepoId? repository)
    {
        bool found = false;
        List<TokenPlace> places = [];
        foreach (TokenPlace place in Walk(repository))
        {
            places.Add(place.Token is not null && found ? place with { State = TokenPlaceState.Shadowed } : place);
            found |= place.Token is not null;
        }
        places.AddRange(OtherPlaces());
        return places;
    }

    /// <summary>The named tokens of the configuration, by name.</summary>
    public IReadOnlyDictionary<string, TokenPlace> LookAtNamed() =>
        _options.Named.ToDictionary(named => named.Key, named => Allow(FromReference(named.Key, named.Value)), StringComparer.OrdinalIgnoreCase);

    /// <summary>The first place on the way to a token where a setting names something that is not there; null when all is well.</summary>
    /// <param name="repository">The repository; null for requests that are about none.</param>
    public TokenPlace? FirstMistake(RepoId? repository) => Walk(repository).TakeWhile(place => place.Token is null)
        .FirstOrDefault(place => place.NamedBy is not null && place.State is TokenPlaceState.Missing or TokenPlaceState.Unreadable);

    internal static bool IsReference(string text) =>
        new[] { FilePrefix, VariablePrefix, StoredPrefix }.Any(prefix => text.StartsWith(prefix, StringComparison.Ordinal) && text.Length > prefix.Length);

    private HubToken? Find(RepoId? repository, out TokenPlace? found)
    {
        foreach (TokenPlace place in Walk(repository))
        {
            if (place.Token is not null)
            {
                found = place;
                return place.Token;
            }
            bool tell = place.State is TokenPlaceState.Invalid or TokenPlaceState.Missing or TokenPlaceState.Unreadable
                || (place.State == TokenPlaceState.Excluded && _options.OnlyDotEnvBecause is not null);
            if (tell)
                Warn($"No token from {place.Name}: {place.Detail}");
        }
        found = null;
        return null;
    }

    private IEnumerable<TokenPlace> Walk(RepoId? repository)
    {
        string? owner = repository?.Value?.Split('/') is [var first, _] ? first : null;
        if (_options.OnlyDotEnvBecause is null && owner is not null && Reference(owner) is { } own)
            return [FromReference(own.Key, own.Value)];
        if (_options.OnlyDotEnvBecause is null && _options.Choice is { } choice)
            return [Reference(choice) is { } named ? FromReference(named.Key, named.Value) : FromStored(choice, $"the choice of the token '{choice}'")];
        return OrdinaryPlaces().Select(Allow);
    }

    private KeyValuePair<string, string>? Reference(string name)
    {
        foreach (KeyValuePair<string, string> named in _options.Named)
        {
            // The Hub's names ignore case.
            if (named.Key.Equals(name, StringComparison.OrdinalIgnoreCase))
                return named;
        }
        return null;
    }

    private IEnumerable<TokenPlace> OrdinaryPlaces()
    {
        foreach (string name in Names)
        {
            yield return FromText($"environment variable {name}", _options.Environment(name), TokenOrigin.Environment);
            if (Secretless(_options.Environment(name + "_FILE")) is { } path)
                yield return FromFile(path, $"environment variable {name}_FILE", TokenOrigin.Environment);
        }
        foreach (string name in Names)
        {
            yield return FromText($"{name} in .env", _options.DotEnv(name), TokenOrigin.DotEnv) with { File = _options.DotEnvPath };
            if (Secretless(_options.DotEnv(name + "_FILE")) is { } path)
                yield return FromFile(path, $"{name}_FILE in .env", TokenOrigin.DotEnvFile);
        }
        yield return FromFile(_options.TokenPath, null, TokenOrigin.Login);
        yield return FromActiveStored();
    }

    private IEnumerable<TokenPlace> OtherPlaces() =>
        OtherNames.Where(name => !string.IsNullOrWhiteSpace(_options.Environment(name))).Select(name => NotRead($"environment variable {name}"))
            .Concat(OtherNames.Where(name => !string.IsNullOrWhiteSpace(_options.DotEnv(name))).Select(name => NotRead($"{name} in .env")));

    private static TokenPlace NotRead(string name) =>
        new(name, TokenPlaceState.NotRead) { Detail = "This program does not read that name. Call it HF_TOKEN." };

    // The rules that keep a token at home although it was found.
    private TokenPlace Allow(TokenPlace place)
    {
        string? reason = _options.OnlyDotEnvBecause is { } chosen && place.Origin != TokenOrigin.DotEnv
                ? $"the working directory decides who would get it ({chosen}), and then only a token that stands in .env itself is sent. Set this in the environment to use the token."
            : _options.OnlyNamed && place.Origin != TokenOrigin.Configuration ? "HF_HUB_DISABLE_IMPLICIT_TOKEN is on."
            : null;
        return place.Token is null || reason is null ? place : place with { Token = null, State = TokenPlaceState.Excluded, Detail = reason };
    }

    private TokenPlace FromReference(string name, string reference)
    {
        string source = $"tokens.{name}";
        string value = reference[(reference.IndexOf(':', StringComparison.Ordinal) + 1)..];
        if (reference.StartsWith(FilePrefix, StringComparison.Ordinal))
            return FromFile(value, source, TokenOrigin.Configuration);
        if (reference.StartsWith(StoredPrefix, StringComparison.Ordinal))
            return FromStored(value, source);
        TokenPlace place = FromText($"environment variable {value} ({source})", _options.Environment(value) ?? _options.DotEnv(value), TokenOrigin.Configuration);
        return place.State != TokenPlaceState.Unset ? place
            : place with { State = TokenPlaceState.Missing, NamedBy = source, Detail = "The variable is not set." };
    }

    private TokenPlace FromFile(string written, string? namedBy, TokenOrigin origin)
    {
        string path = _options.FullPath(written);
        string name = namedBy is null ? $"file {path}" : $"file {path} ({namedBy})";
        TokenPlace place = new(name, TokenPlaceState.Unset) { File = path, NamedBy = namedBy, Origin = origin };
        try
        {
            string? text = _files.Read(path);
            if (text is not null)
                return FromText(name, text, origin) with { File = path, NamedBy = namedBy };
            return namedBy is null ? place : place with { State = TokenPlaceState.Missing, Detail = "There is no such file." };
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return place with { State = TokenPlaceState.Unreadable, Detail = "It cannot be read; check its permissions and its size." };
        }
    }

    private TokenPlace FromActiveStored()
    {
        TokenPlace place = new($"file {StoredPath}", TokenPlaceState.Unset) { File = StoredPath, Origin = TokenOrigin.Login };
        if (ReadStored(ref place) is not { } stored)
            return place;
        // The INI format has no mark: the token file says which one is active. Without it, and with several tokens, nobody can say.
        Secret? marked = FromFile(_options.TokenPath, null, TokenOrigin.Login).Token?.Secret;
        StoredToken? active = stored.Active is { } name ? stored.Find(name)
            : stored.Tokens is [var only] ? only
            : stored.Tokens.FirstOrDefault(token => token.Token.Equals(marked));
        if (active is null)
            return stored.Tokens.Count == 0 ? place : place with { Detail = $"It holds {stored.Tokens.Count} tokens, and none is marked as the active one; see auth switch." };
        return place with { State = TokenPlaceState.Used, Token = new HubToken(active.Token, $"'{active.Name}' in {StoredPath}") };
    }

    private TokenPlace FromStored(string name, string namedBy)
    {
        TokenPlace place = new($"'{name}' in {StoredPath} ({namedBy})", TokenPlaceState.Missing)
        {
            File = StoredPath,
            NamedBy = namedBy,
            Origin = TokenOrigin.Configuration,
            Detail = "There is no stored token of that name; see auth list.",
        };
        return ReadStored(ref place)?.Find(name) is { } token
            ? place with { State = TokenPlaceState.Used, Detail = null, Token = new HubToken(token.Token, place.Name) }
            : place;
    }

    private StoredTokens? ReadStored(ref TokenPlace place)
    {
        try
        {
            if (_files.Read(StoredPath) is not { } text)
                return null;
            if (StoredTokens.TryParse(text) is { } stored)
                return stored;
            place = place with { State = TokenPlaceState.Unreadable, Detail = "It is neither INI nor JSON. It is left as it is." };
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            place = place with { State = TokenPlaceState.Unreadable, Detail = "It cannot be read; check its permissions." };
        }
        return null;
    }

    private static TokenPlace FromText(string name, string? text, TokenOrigin origin)
    {
        TokenPlace place = new(name, TokenPlaceState.Unset) { Origin = origin };
        if (Secret.Read(text) is not { } secret)
            return place;
        return secret.IsUsable
            ? place with { State = TokenPlaceState.Used, Token = new HubToken(secret, name) }
            : place with { State = TokenPlaceState.Invalid, Detail = "It has characters that no token has (control, space inside, non-ASCII), or is longer than any token." };
    }

    // A path is no secret, but quotes and line ends stand around it in the same way.
    private static string? Secretless(string? path) => Secret.Read(path)?.Reveal();

    private void Warn(string sentence)
    {
        if (_warned.TryAdd(sentence, true))
            _options.Warn?.Invoke(sentence);
    }
}
