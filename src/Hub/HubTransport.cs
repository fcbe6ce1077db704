using System.Globalization;
using System.Net.Http.Headers;

namespace LlmService.Hub;

/// <summary>Sends requests: follows redirects itself, keeps the token at home, waits and tries again.</summary>
internal sealed class HubTransport(HubOptions options, TrustedOrigins origins, HttpMessageInvoker invoker)
{
    private const int MaxHops = 10;

    /// <summary>How long a chain of redirects may take when each of its hops is just within its own time-out.</summary>
    private static readonly TimeSpan MaxChain = TimeSpan.FromSeconds(25);

    private readonly CircuitBreaker _breaker = new(options.TimeProvider);
    private readonly RateGate _gate = new(options.TimeProvider);
    private readonly HubWarnings _warnings = new(options);

    public async Task<HubAnswer> SendAsync(HubRequest request, CancellationToken cancellationToken)
    {
        if (options.Offline)
            throw Explanations.Offline(options, request.Subject);
        if (!request.IsTransfer && _breaker.FailureOf(TrustedOrigins.Origin(request.Uri)) is { } dead)
            throw Explanations.Again(options, request.Subject, dead);
        TimeProvider clock = options.TimeProvider;
        string quota = RateGate.QuotaOf(request.Uri);
        long started = clock.GetTimestamp();
        TimeSpan silence = TimeSpan.Zero;
        TimeSpan backoff = TimeSpan.Zero;
        for (int attempt = 1; ; attempt++)
        {
            await _gate.PassAsync(quota, cancellationToken).ConfigureAwait(false);
            bool last = request.Once || attempt == RetryPolicy.MaxAttempts;
            bool lastUnreachable = last || attempt >= RetryPolicy.MaxUnreachableAttempts;
            var chain = new Chain(request.Uri, RetryPolicy.MaxWait - silence);
            // The time-outs guard real sockets, so they run on the real clock; the clock of the options serves the waits.
            long asking = TimeProvider.System.GetTimestamp();
            backoff = RetryPolicy.NextBackoff(backoff);
            TimeSpan wait = backoff;
            try
            {
                HubAnswer answer = await FollowAsync(request, chain, cancellationToken).ConfigureAwait(false);
                _breaker.Close(chain.Origin);
                if (last || !RetryPolicy.IsTransient(answer.Status))
                    return answer;
                TimeSpan? asked = RetryPolicy.AskedWait(answer.Response, clock.GetUtcNow());
                wait = asked ?? backoff;
                if (clock.GetElapsedTime(started) + wait > RetryPolicy.MaxWait)
                    return answer;
                if (answer.Status == 429 && asked is not null && answer.FromHub)
                {
                    _gate.Close(quota, wait);
                    wait = TimeSpan.Zero;
                }
                answer.Dispose();
            }
            catch (HttpRequestException failure)
            {
                HubDiagnosis diagnosis = NetworkFailures.Diagnose(failure);
                bool final = diagnosis is HubDiagnosis.TlsUntrusted or HubDiagnosis.ProxyAuth or HubDiagnosis.NotTheHub;
                bool unreachable = diagnosis is HubDiagnosis.Offline or HubDiagnosis.Blocked;
                if (last || final || (unreachable && lastUnreachable))
                    throw Unreachable(request, chain, diagnosis, failure);
            }
            catch (OperationCanceledException mute) when (!cancellationToken.IsCancellationRequested)
            {
                silence += TimeProvider.System.GetElapsedTime(asking);
                if (lastUnreachable || silence + wait >= RetryPolicy.MaxWait)
                    throw Unreachable(request, chain, HubDiagnosis.Blocked, mute);
            }
            if (wait > TimeSpan.Zero)
                await Task.Delay(wait, clock, cancellationToken).ConfigureAwait(false);
        }
    }

    private HubException Unreachable(HubRequest request, Chain chain, HubDiagnosis diagnosis, Exception failure)
    {
        // The endpoint may be fine and the host that it sent us to dead, or the proxy between: the message must name the right one.
        string? detail = failure.InnerException is UntrustedCertificateException untrusted ? $"issued by '{Refusal.Clean(untrusted.Issuer, null)}'"
            : options.ProxyOf(chain.Uri) is { } proxy ? $"asked through the proxy {TrustedOrigins.Origin(proxy)}" : null;
        HubException explained = Explanations.OfHost(options, request.Subject, diagnosis, chain.Uri, detail, failure);
        if (diagnosis is HubDiagnosis.Offline or HubDiagnosis.Blocked or HubDiagnosis.TlsUntrusted or HubDiagnosis.ProxyAuth)
            _breaker.Open(chain.Origin, explained);
        return explained;
    }

    private async Task<HubAnswer> FollowAsync(HubRequest request, Chain chain, CancellationToken cancellationToken)
    {
        TimeSpan hop = request.IsTransfer ? options.DownloadTimeout : options.MetadataTimeout;
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(Shorter(chain.Patience, hop > MaxChain ? hop : MaxChain));
        bool atHome = origins.IsHub(chain.Uri);
        string? commit = null;
        HubToken? token = request.Anonymous ? null : await options.FindTokenAsync(request.Subject.Repository, cancellationToken).ConfigureAwait(false);
        HashSet<string> visited = [];
        while (true)
        {
            Uri uri = chain.Uri;
            if (visited.Count > MaxHops || !visited.Add(uri.AbsoluteUri))
                throw Explanations.BadRedirect(options, request.Subject, "the redirects do not end");
            HubToken? sent = atHome && origins.MayCarryToken(uri) ? token : null;
            HttpResponseMessage response = await SendOnceAsync(request, uri, sent, hop, timeout.Token).ConfigureAwait(false);
            if (atHome)
            {
                commit = HubHeaders.Commit(response) ?? commit;
                _warnings.Show(response);
            }
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308))
                return new HubAnswer(response, uri) { FromHub = atHome, Token = sent, Commit = commit };

            Uri next;
            try
            {
                next = Target(response, uri, request.Subject);
            }
            catch (HubException)
            {
                response.Dispose();
                throw;
            }
            bool leaves = !origins.IsHub(next);
            if (atHome && leaves && request.StopAtForeignHost)
                return new HubAnswer(response, uri) { FromHub = true, Token = sent, Commit = commit, ForeignLocation = next };
            response.Dispose();
            // The token never comes back to a chain that has left the Hub, also when a later hop returns.
            atHome &= !leaves;
            chain.Uri = next;
        }
    }

    private Uri Target(HttpResponseMessage response, Uri from, Subject subject)
    {
        if (HubHeaders.Location(response) is not { } location || !Uri.TryCreate(from, location, out Uri? to))
            throw Explanations.BadRedirect(options, subject, "a redirect names no address");
        if (!origins.AllowsRedirect(from, to))
            throw Explanations.BadRedirect(options, subject, $"a redirect to '{TrustedOrigins.Origin(to)}' is not safe");
        return to.Fragment.Length == 0 ? to : new UriBuilder(to) { Fragment = "" }.Uri;
    }

    private async Task<HttpResponseMessage> SendOnceAsync(HubRequest request, Uri uri, HubToken? token, TimeSpan limit, CancellationToken cancellationToken)
    {
        using var message = new HttpRequestMessage(request.Method, uri);
        message.Headers.TryAddWithoutValidation("User-Agent", options.UserAgent);
        message.Headers.TryAddWithoutValidation("Accept-Encoding", "identity");
        message.Headers.TryAddWithoutValidation("X-Amzn-Trace-Id", Guid.NewGuid().ToString("D", CultureInfo.InvariantCulture));
        if (token is not null)
            message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Secret.Reveal());
        if (request.RangeStart > 0 || request.RangeEnd is not null)
            message.Headers.Range = new RangeHeaderValue(request.RangeStart, request.RangeEnd - 1);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(limit);
        return await invoker.SendAsync(message, timeout.Token).ConfigureAwait(false);
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    /// <summary>Where a chain of redirects has got to, and how long it may keep silent.</summary>
    private sealed class Chain(Uri start, TimeSpan patience)
    {
        public Uri Uri { get; set; } = start;

        public TimeSpan Patience { get; } = patience;

        public string Origin => TrustedOrigins.Origin(Uri);
    }
}
