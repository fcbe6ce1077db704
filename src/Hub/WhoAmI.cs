using System.Text.Json;
using LlmService.Hub.Tokens;

namespace LlmService.Hub;

/// <summary>What is known of a token, and the account that it belongs to.</summary>
internal sealed record TokenOwner(TokenProof Proof, HubAccount? Account)
{
    public static readonly TokenOwner Unknown = new(TokenProof.Unknown, null);
}

/// <summary>Asks once for each token who it belongs to. The Hub limits this call tightly, so only refusals and commands lead here.</summary>
internal sealed class WhoAmI(HubOptions options, HubUrls urls, HubTransport transport) : IDisposable
{
    private const int MaxBodyBytes = 1024 * 1024;
    private const int MaxDepth = 32;

    private readonly SemaphoreSlim _once = new(1, 1);
    private readonly Dictionary<Secret, TokenOwner> _known = [];

    /// <summary>After a refusal: what the token is. Never fails, for the refusal is what the caller must hear of.</summary>
    public async Task<TokenOwner> AskAsync(Subject subject, CancellationToken cancellationToken)
    {
        if (await options.FindTokenAsync(subject.Repository, cancellationToken).ConfigureAwait(false) is not { } token)
            return TokenOwner.Unknown;
        await _once.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_known.TryGetValue(token.Secret, out TokenOwner? owner))
                _known[token.Secret] = owner = await AskHubAsync(subject, cancellationToken).ConfigureAwait(false);
            return owner;
        }
        finally
        {
            _once.Release();
        }
    }

    /// <summary>For commands: the account, or why there is none to be had; null when there is no token.</summary>
    public async Task<HubAccount?> RequireAsync(Subject subject, CancellationToken cancellationToken)
    {
        if (await options.FindTokenAsync(subject.Repository, cancellationToken).ConfigureAwait(false) is null)
            return null;
        using HubAnswer answer = await SendAsync(subject, cancellationToken).ConfigureAwait(false);
        if (answer.Status != 200)
        {
            Refusal refusal = await Refusal.ReadAsync(answer, options, cancellationToken).ConfigureAwait(false);
            HubDiagnosis diagnosis = RefusalTable.Find(refusal, Target.Listing).With(TokenProof.Rejected);
            throw Explanations.Refused(options, subject, diagnosis, refusal, null);
        }
        return await ReadAsync(answer, cancellationToken).ConfigureAwait(false)
            ?? throw Explanations.NotTheHub(options, subject, "the answer names no account");
    }

    public void Dispose() => _once.Dispose();

    private async Task<TokenOwner> AskHubAsync(Subject subject, CancellationToken cancellationToken)
    {
        try
        {
            using HubAnswer answer = await SendAsync(subject, cancellationToken).ConfigureAwait(false);
            if (answer is not { FromHub: true, TokenSent: true })
                return TokenOwner.Unknown;
            if (answer.Status == 401)
                return new TokenOwner(TokenProof.Rejected, null);
            if (answer.Status != 200 || await ReadAsync(answer, cancellationToken).ConfigureAwait(false) is not { } account)
                return TokenOwner.Unknown;
            return new TokenOwner(account.Role == "fineGrained" ? TokenProof.ValidFineGrained : TokenProof.Valid, account);
        }
        catch (Exception failure) when (failure is HubException or IOException or HttpRequestException
            || (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return TokenOwner.Unknown;
        }
    }

    private Task<HubAnswer> SendAsync(Subject subject, CancellationToken cancellationToken) =>
        transport.SendAsync(new HubRequest(HttpMethod.Get, urls.WhoAmI(), subject) { Once = true }, cancellationToken);

    private async Task<HubAccount?> ReadAsync(HubAnswer answer, CancellationToken cancellationToken)
    {
        if (await BoundedContent.ReadAsync(answer.Response, MaxBodyBytes, options.MetadataTimeout, cancellationToken).ConfigureAwait(false) is not { } body)
            return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = MaxDepth });
            return HubAccount.Read(document.RootElement);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
