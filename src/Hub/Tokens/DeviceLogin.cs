using System.Text.Json;

namespace LlmService.Hub.Tokens;

/// <summary>What the user must do to finish a login in the browser.</summary>
/// <param name="UserCode">The code to compare or to type in.</param>
/// <param name="Address">The page to open.</param>
/// <param name="AddressWithCode">The page with the code filled in, where the Hub gave one.</param>
/// <param name="Expires">When the code ends.</param>
public sealed record DeviceCode(string UserCode, Uri Address, Uri? AddressWithCode, DateTimeOffset Expires)
{
    internal Secret Code { get; init; } = new("");

    internal TimeSpan Interval { get; init; }
}

/// <summary>What a login or a renewal brought.</summary>
/// <param name="Token">The access token.</param>
/// <param name="RefreshToken">What renews it; null when it cannot be renewed.</param>
/// <param name="ExpiresAt">When it ends; null when that was not said.</param>
/// <param name="Scope">What it may do, as the Hub wrote it.</param>
public sealed record LoginGrant(Secret Token, Secret? RefreshToken, DateTimeOffset? ExpiresAt, string? Scope);

/// <summary>The login in the browser of any device (RFC 8628), and the renewal of what it brought.</summary>
public sealed class DeviceLogin : IDisposable
{
    /// <summary>The public client id of the Hub's own command line, which any program on a user's machine may name.</summary>
    public const string DefaultClientId = "26be6b09-91c5-47da-9861-d2d2bb7a7e36";

    private const string DeviceGrant = "urn:ietf:params:oauth:grant-type:device_code";
    private const int MaxBodyBytes = 64 * 1024;
    private const int MaxTextLength = 200;
    private const int MaxAddressLength = 2048;
    private const int MaxDepth = 16;

    private static readonly TimeSpan SlowDown = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MaxInterval = TimeSpan.FromMinutes(1);

    private readonly HubOptions _options;
    private readonly string _clientId;
    private readonly HttpMessageInvoker _invoker;

    /// <summary>Makes a login.</summary>
    /// <param name="options">Endpoint, time-out, clock. The token is not used.</param>
    /// <param name="clientId">The client id of the application, as the Hub registered it.</param>
    /// <param name="handler">The transport; null for one of its own. Not owned when handed in.</param>
    /// <exception cref="ArgumentException">The endpoint is neither https nor on this machine: what it answers would travel readable.</exception>
    public DeviceLogin(HubOptions options, string clientId = DefaultClientId, HttpMessageHandler? handler = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrWhiteSpace(clientId);
        options.Validate();
        if (options.Endpoint.Scheme != Uri.UriSchemeHttps && !options.Endpoint.IsLoopback)
            throw new ArgumentException($"A login never goes over plain http to '{options.Endpoint.Host}'. Use https.", nameof(options));
        _options = options;
        _clientId = clientId;
        _invoker = new HttpMessageInvoker(handler ?? HubHandler.Create(options), disposeHandler: handler is null);
    }

    /// <summary>Asks for a code.</summary>
    /// <exception cref="HubException">Unreachable, not the Hub, rate limited, or an endpoint without such logins (EndpointUnsupported).</exception>
    public async Task<DeviceCode> StartAsync(CancellationToken cancellationToken)
    {
        OAuthAnswer answer = await PostAsync("device", [], cancellationToken).ConfigureAwait(false);
        if (answer.Status != 200)
            throw Refused(answer);
        string? code = answer.Text("device_code");
        string? userCode = answer.Text("user_code");
        if (code is null || userCode is not { Length: <= MaxTextLength } || userCode.Any(c => c is < ' ' or > '~')
            || Page(answer.Text("verification_uri")) is not { } page)
        {
            throw NotTheHub("the answer to a login has no code or no page");
        }
        int seconds = answer.Number("expires_in", 900, 1, 3600);
        return new DeviceCode(userCode, page, Page(answer.Text("verification_uri_complete")), _options.TimeProvider.GetUtcNow().AddSeconds(seconds))
        {
            Code = new Secret(code),
            Interval = TimeSpan.FromSeconds(answer.Number("interval", 5, 1, (int)MaxInterval.TotalSeconds)),
        };
    }

    /// <summary>Asks again and again whether the user has agreed, as seldom as the Hub wants.</summary>
    /// <exception cref="HubException">LoginDenied, LoginExpired, or the client id is refused (EndpointUnsupported).</exception>
    public async Task<LoginGrant> WaitAsync(DeviceCode code, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(code);
        TimeProvider clock = _options.TimeProvider;
        TimeSpan interval = code.Interval;
        while (clock.GetUtcNow() + interval < code.Expires)
        {
            await Task.Delay(interval, clock, cancellationToken).ConfigureAwait(false);
            OAuthAnswer? answer = await TryPostAsync(
                [new("grant_type", DeviceGrant), new("device_code", code.Code.Reveal())], cancellationToken).ConfigureAwait(false);
            // A network in trouble is no answer: the user may be typing meanwhile.
            if (answer is null or { Status: >= 500 } or { Body: null } or { Status: 429 })
                continue;
            if (answer.Status == 200)
                return Grant(answer);
            switch (answer.Text("error"))
            {
                case "authorization_pending":
                    break;
                case "slow_down":
                    interval = interval + SlowDown < MaxInterval ? interval + SlowDown : MaxInterval;
                    break;
                case "access_denied":
                    throw Failure(HubDiagnosis.LoginDenied);
                case "expired_token":
                    throw Failure(HubDiagnosis.LoginExpired);
                default:
                    throw Refused(answer);
            }
        }
        throw Failure(HubDiagnosis.LoginExpired);
    }

    /// <summary>Renews a token.</summary>
    /// <exception cref="HubException">LoginExpired: only a new login helps. Else unreachable and its like.</exception>
    public async Task<LoginGrant> RefreshAsync(Secret refreshToken, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(refreshToken);
        OAuthAnswer answer = await PostAsync(
            "token", [new("grant_type", "refresh_token"), new("refresh_token", refreshToken.Reveal())], cancellationToken).ConfigureAwait(false);
        if (answer is { Status: 400 or 401 } && answer.Text("error") is "invalid_grant" or "invalid_request")
            throw Failure(HubDiagnosis.LoginExpired);
        return answer.Status == 200 ? Grant(answer) : throw Refused(answer);
    }

    /// <inheritdoc/>
    public void Dispose() => _invoker.Dispose();

    private LoginGrant Grant(OAuthAnswer answer)
    {
        if (Secret.Read(answer.Text("access_token")) is not { IsUsable: true } token)
            throw NotTheHub("the answer to a login has no token");
        int seconds = answer.Number("expires_in", 0, 0, int.MaxValue);
        return new LoginGrant(
            token,
            Secret.Read(answer.Text("refresh_token")) is { IsUsable: true } refresh ? refresh : null,
            seconds == 0 ? null : _options.TimeProvider.GetUtcNow().AddSeconds(seconds),
            answer.Text("scope") is { Length: <= MaxTextLength } scope && !scope.Any(char.IsControl) ? scope : null);
    }

    private static Uri? Page(string? text) =>
        text is { Length: <= MaxAddressLength } && !text.Any(char.IsControl) && Uri.TryCreate(text, UriKind.Absolute, out Uri? page)
        && (page.Scheme == Uri.UriSchemeHttps || (page.Scheme == Uri.UriSchemeHttp && page.IsLoopback)) && page.UserInfo.Length == 0 ? page : null;

    private async Task<OAuthAnswer?> TryPostAsync(List<KeyValuePair<string, string>> fields, CancellationToken cancellationToken)
    {
        try
        {
            return await PostAsync("token", fields, cancellationToken).ConfigureAwait(false);
        }
        catch (HubException trouble) when (trouble.Diagnosis != HubDiagnosis.OfflineMode)
        {
            return null;
        }
    }

    private async Task<OAuthAnswer> PostAsync(string call, List<KeyValuePair<string, string>> fields, CancellationToken cancellationToken)
    {
        if (_options.Offline)
            throw Failure(HubDiagnosis.OfflineMode);
        fields.Add(new("client_id", _clientId));
        using HttpRequestMessage message = new(HttpMethod.Post, $"{_options.Endpoint.AbsoluteUri.TrimEnd('/')}/oauth/{call}");
        message.Content = new FormUrlEncodedContent(fields);
        message.Headers.TryAddWithoutValidation("User-Agent", _options.UserAgent);
        message.Headers.TryAddWithoutValidation("Accept", "application/json");
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(_options.MetadataTimeout);
        try
        {
            // A redirect is not followed: the form holds secrets.
            using HttpResponseMessage response = await _invoker.SendAsync(message, timeout.Token).ConfigureAwait(false);
            byte[]? body = HubHeaders.MediaType(response) == "application/json"
                ? await BoundedContent.ReadAsync(response, MaxBodyBytes, _options.MetadataTimeout, cancellationToken).ConfigureAwait(false)
                : null;
            return new OAuthAnswer((int)response.StatusCode, Parse(body), RetryPolicy.AskedWait(response, _options.TimeProvider.GetUtcNow()));
        }
        catch (HttpRequestException failure)
        {
            throw Failure(NetworkFailures.Diagnose(failure), failure);
        }
        catch (IOException failure)
        {
            throw Failure(HubDiagnosis.HubUnavailable, failure);
        }
        catch (OperationCanceledException mute) when (!cancellationToken.IsCancellationRequested)
        {
            throw Failure(HubDiagnosis.Blocked, mute);
        }
    }

    private static JsonElement? Parse(byte[]? body)
    {
        if (body is null)
            return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = MaxDepth });
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private HubException Refused(OAuthAnswer answer)
    {
        if (answer.Status == 429)
            return new(HubDiagnosis.RateLimited, new HubFacts { Endpoint = Endpoint, Status = 429, RetryAfter = answer.RetryAfter });
        if (answer.Status >= 500)
            return new(HubDiagnosis.HubUnavailable, new HubFacts { Endpoint = Endpoint, Status = answer.Status });
        if (answer.Body is null && answer.Status != 404)
            return NotTheHub("the answer to a login is not JSON");
        string said = answer.Text("error") is { Length: <= MaxTextLength } error && error.All(c => char.IsAsciiLetter(c) || c == '_') ? error : "";
        return new(HubDiagnosis.EndpointUnsupported, new HubFacts
        {
            Endpoint = Endpoint,
            Status = answer.Status,
            ServerMessage = said.Length > 0 ? said : null,
            Detail = "it offers no login in the browser, or refuses this program's client id",
        });
    }

    private HubException NotTheHub(string reason) => new(HubDiagnosis.NotTheHub, new HubFacts { Endpoint = Endpoint, Detail = reason });

    private HubException Failure(HubDiagnosis diagnosis, Exception? inner = null) =>
        new(diagnosis, new HubFacts { Endpoint = Endpoint }, inner);

    private string Endpoint => _options.Endpoint.GetLeftPart(UriPartial.Path).TrimEnd('/');

    /// <summary>An answer of the OAuth calls. The body is null when it is not one JSON object.</summary>
    private sealed record OAuthAnswer(int Status, JsonElement? Body, TimeSpan? RetryAfter)
    {
        public string? Text(string name) =>
            Body is { } body && body.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

        public int Number(string name, int absent, int lowest, int highest) =>
            Body is { } body && body.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number)
                ? (int)Math.Clamp(number, lowest, highest)
                : absent;

        // The body holds the token: it never prints.
        public override string ToString() => $"answer {Status}";
    }
}
