using System.Collections.Concurrent;

namespace LlmService.Hub.Tokens;

/// <summary>Renews the token of a browser login before it ends, once for all processes.</summary>
/// <param name="options">Endpoint, clock, offline switch. The token is not used.</param>
/// <param name="clientId">The client id of the login.</param>
/// <param name="handler">The transport; null for one of its own.</param>
public sealed class TokenRefresh(HubOptions options, string clientId = DeviceLogin.DefaultClientId, HttpMessageHandler? handler = null)
{
    private static readonly TimeSpan Margin = TimeSpan.FromHours(24);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(300);

    // By token: when to look again. DateTimeOffset.MaxValue: never, its login has ended.
    private readonly ConcurrentDictionary<Secret, DateTimeOffset> _nextLook = new();

    /// <summary>The token to use instead of a stored one; the same one when nothing is to be done or nothing can be done.</summary>
    internal async Task<Secret> RenewAsync(Secret token, string tokenPath, Action<string> warn, CancellationToken cancellationToken)
    {
        TimeProvider clock = options.TimeProvider;
        if (options.Offline || (_nextLook.TryGetValue(token, out DateTimeOffset next) && clock.GetUtcNow() < next))
            return token;
        _nextLook[token] = clock.GetUtcNow() + Pause;
        try
        {
            TokenStore store = new(tokenPath, clock);
            StoredToken? stored = store.Tokens.FirstOrDefault(entry => entry.Token.Equals(token));
            if (stored is not { RefreshToken: not null, ExpiresAt: { } end } || end - clock.GetUtcNow() > Margin)
                return token;
            return await store.ReplaceAsync(stored, present => AskAsync(present, cancellationToken), cancellationToken).ConfigureAwait(false) ?? token;
        }
        catch (HubException ended) when (ended.Diagnosis == HubDiagnosis.LoginExpired)
        {
            _nextLook[token] = DateTimeOffset.MaxValue;
            warn("The login in the browser has ended and cannot be renewed. Log in again (auth login).");
        }
        catch (Exception failure) when (failure is HubException or IOException or UnauthorizedAccessException)
        {
            // The old token may still be good; if not, the Hub's own answer is the better message.
        }
        return token;
    }

    private async Task<StoredToken?> AskAsync(StoredToken stored, CancellationToken cancellationToken)
    {
        if (stored.RefreshToken is not { } refreshToken)
            return null;
        using DeviceLogin login = new(options, clientId, handler);
        LoginGrant grant = await login.RefreshAsync(refreshToken, cancellationToken).ConfigureAwait(false);
        return stored with { Token = grant.Token, RefreshToken = grant.RefreshToken ?? refreshToken, ExpiresAt = grant.ExpiresAt };
    }
}
