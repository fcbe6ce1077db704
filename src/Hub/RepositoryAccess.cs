using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using LlmService.Hub.Tokens;

namespace LlmService.Hub;

/// <summary>The way to one repository: requests, diagnoses, and whether the token was refused on the way.</summary>
internal sealed class RepositoryAccess(HubOptions options, HubUrls urls, HubTransport transport, WhoAmI whoAmI)
{
    private const int MaxJsonBytes = 32 * 1024 * 1024;

    private volatile TokenRefusal? _tokenRefusal;

    public HubOptions Options => options;

    public HubUrls Urls => urls;

    /// <summary>Why the Hub refused the token, where the repository is therefore read anonymously.</summary>
    public HubException? RefusedToken => _tokenRefusal?.Refusal;

    /// <summary>Sends without judging the answer.</summary>
    public async Task<HubAnswer> SendAsync(HubRequest request, CancellationToken cancellationToken)
    {
        // A token that was replaced meanwhile deserves its own answer.
        if (_tokenRefusal is { } dead
            && (await options.FindTokenAsync(request.Subject.Repository, cancellationToken).ConfigureAwait(false))?.Secret.Equals(dead.Token) != false)
            request = request with { Anonymous = true };
        return await transport.SendAsync(request, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends; gives a good answer or throws the diagnosis of a bad one.</summary>
    public async Task<HubAnswer> RequestAsync(HubRequest request, CancellationToken cancellationToken)
    {
        HubAnswer answer = await SendAsync(request, cancellationToken).ConfigureAwait(false);
        if (answer.IsGood)
            return answer;
        HubException refused;
        bool hasCode;
        HubToken? sent = answer.Token;
        using (answer)
        {
            refused = await DiagnoseAsync(answer, request.Subject, cancellationToken).ConfigureAwait(false);
            hasCode = HubHeaders.Get(answer.Response, "X-Error-Code") is not null;
        }
        // A dead token must not break a public repository: one try without it.
        if (!hasCode && (refused.Diagnosis is HubDiagnosis.TokenInvalid or HubDiagnosis.TokenExpired))
        {
            HubAnswer anonymous = await transport.SendAsync(request with { Anonymous = true }, cancellationToken).ConfigureAwait(false);
            if (anonymous.IsGood)
            {
                _tokenRefusal = sent is null ? null : new TokenRefusal(sent.Secret, refused);
                return anonymous;
            }
            anonymous.Dispose();
        }
        throw refused;
    }

    public async Task<(T Value, HubAnswer Answer)> GetJsonAsync<T>(HubRequest request, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where T : class =>
        await RetryPolicy.OverBrokenBodiesAsync(() => GetJsonOnceAsync(request, type, cancellationToken), options, request.Subject, cancellationToken).ConfigureAwait(false);

    private async Task<(T Value, HubAnswer Answer)> GetJsonOnceAsync<T>(HubRequest request, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where T : class
    {
        HubAnswer answer = await RequestAsync(request, cancellationToken).ConfigureAwait(false);
        using (answer)
        {
            if (HubHeaders.MediaType(answer.Response) != "application/json")
                throw Explanations.NotTheHub(options, request.Subject, await ForeignPage.DescribeAsync(answer, options, cancellationToken).ConfigureAwait(false));
            try
            {
                byte[] body = await BoundedContent.ReadAsync(answer.Response, MaxJsonBytes, options.MetadataTimeout, cancellationToken).ConfigureAwait(false)
                    ?? throw Explanations.NotTheHub(options, request.Subject, "the answer is too long");
                T value = JsonSerializer.Deserialize(body, type)
                    ?? throw Explanations.NotTheHub(options, request.Subject, "the answer is empty");
                return (value, answer);
            }
            catch (JsonException failure)
            {
                throw Explanations.NotTheHub(options, request.Subject, "the JSON is broken or of another shape", failure);
            }
            catch (OperationCanceledException mute) when (!cancellationToken.IsCancellationRequested)
            {
                throw Explanations.Unreachable(options, request.Subject, HubDiagnosis.Blocked, mute);
            }
        }
    }

    /// <summary>The one place where an answer of the Hub becomes a diagnosis.</summary>
    public async Task<HubException> DiagnoseAsync(HubAnswer answer, Subject subject, CancellationToken cancellationToken)
    {
        Refusal refusal = await Refusal.ReadAsync(answer, options, cancellationToken).ConfigureAwait(false);
        RefusalTable.Row row = RefusalTable.Find(refusal.Without(subject.Repository), subject.Target);
        TokenOwner owner = row.AsksWhoAmI ? await whoAmI.AskAsync(subject, cancellationToken).ConfigureAwait(false) : TokenOwner.Unknown;
        HubDiagnosis diagnosis = row.With(owner.Proof);
        // Behind a dead token a gate or a missing repository says nothing: the token has to be replaced first.
        if (_tokenRefusal is { } dead && !refusal.TokenSent && (diagnosis is HubDiagnosis.GatedNeedsLogin or HubDiagnosis.NotFoundOrPrivate))
            return Explanations.Again(options, subject, dead.Refusal);
        return Explanations.Refused(options, subject, diagnosis, refusal, owner.Account?.Name);
    }

    private sealed record TokenRefusal(Secret Token, HubException Refusal);
}
