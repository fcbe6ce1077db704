using System.Text.Json;

namespace LlmService.Hub;

/// <summary>Asks once who the token belongs to. The Hub limits this call tightly, so only refusals lead here.</summary>
internal sealed class WhoAmI(HubOptions options, HubUrls urls, HubTransport transport) : IDisposable
{
    private const int MaxBodyBytes = 1024 * 1024;

    private readonly SemaphoreSlim _once = new(1, 1);
    private bool _asked;

    public TokenProof Proof { get; private set; }

    /// <summary>The account's name, once it was learned.</summary>
    public string? Account { get; private set; }

    /// <summary>The token's role; null when it has none or was not learned.</summary>
    public string? Role { get; private set; }

    /// <summary>Whether a fine-grained token may read gated repositories; null when it was not said.</summary>
    public bool? ReadsGated { get; private set; }

    public async Task<TokenProof> AskAsync(Subject subject, CancellationToken cancellationToken)
    {
        await _once.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_asked)
            {
                Proof = await AskHubAsync(subject, cancellationToken).ConfigureAwait(false);
                _asked = true;
            }
            return Proof;
        }
        finally
        {
            _once.Release();
        }
    }

    public void Dispose() => _once.Dispose();

    private async Task<TokenProof> AskHubAsync(Subject subject, CancellationToken cancellationToken)
    {
        try
        {
            using HubAnswer answer = await transport
                .SendAsync(new HubRequest(HttpMethod.Get, urls.WhoAmI(), subject) { Once = true }, cancellationToken).ConfigureAwait(false);
            if (answer is not { FromHub: true, TokenSent: true })
                return TokenProof.Unknown;
            if (answer.Status == 401)
                return TokenProof.Rejected;
            if (answer.Status != 200)
                return TokenProof.Unknown;
            byte[]? body = await BoundedContent.ReadAsync(answer.Response, MaxBodyBytes, options.MetadataTimeout, cancellationToken).ConfigureAwait(false);
            WhoAmIAnswer? parsed = body is null ? null : JsonSerializer.Deserialize(body, HubJson.Default.WhoAmIAnswer);
            if (parsed?.Name is not { Length: > 0 and <= 96 } name || name.Any(char.IsControl))
                return TokenProof.Unknown;
            Account = name;
            Role = parsed.Auth?.AccessToken?.Role is { Length: > 0 and <= 32 } role && role.All(char.IsAsciiLetter) ? role : null;
            ReadsGated = parsed.Auth?.AccessToken?.FineGrained?.CanReadGatedRepos;
            return parsed.Auth?.AccessToken?.Role == "fineGrained" ? TokenProof.ValidFineGrained : TokenProof.Valid;
        }
        catch (Exception failure) when (failure is HubException or IOException or HttpRequestException or JsonException
            || (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // The refusal that led here is what the caller must hear of, not this.
            return TokenProof.Unknown;
        }
    }
}
