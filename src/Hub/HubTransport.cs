using System.Globalization;
using System.Net.Http.Headers;

namespace LlmService.Hub;

/// <summary>Sends requests: follows redirects itself, keeps the token at home, waits and tries again.</summary>
internal sealed class HubTransport(HubOptions options, TrustedOrigins origins, HttpMessageInvoker invoker)
{
    private const int MaxHops = 10;

    public async Task<HubAnswer> SendAsync(HubRequest request, CancellationToken cancellationToken)
    {
        if (options.Offline)
            throw Explanations.Offline(options, request.Subject);
        TimeProvider clock = options.TimeProvider;
        long started = clock.GetTimestamp();
        TimeSpan backoff = TimeSpan.Zero;
        for (int attempt = 1; ; attempt++)
        {
            bool last = request.Once || attempt == RetryPolicy.MaxAttempts;
            TimeSpan? asked = null;
            try
            {
                HubAnswer answer = await FollowAsync(request, cancellationToken).ConfigureAwait(false);
                asked = RetryPolicy.AskedWait(answer.Response, clock.GetUtcNow());
                bool tooLong = asked > RetryPolicy.MaxWait || clock.GetElapsedTime(started) > RetryPolicy.MaxWait;
                if (last || tooLong || !RetryPolicy.IsTransient(answer.Status))
                    return answer;
                answer.Dispose();
            }
            catch (HttpRequestException failure)
            {
                HubDiagnosis diagnosis = NetworkFailures.Diagnose(failure);
                bool final = diagnosis is HubDiagnosis.TlsUntrusted or HubDiagnosis.ProxyAuth or HubDiagnosis.NotTheHub
                    || (diagnosis is HubDiagnosis.Offline or HubDiagnosis.Blocked && attempt >= RetryPolicy.MaxUnreachableAttempts);
                if (last || final)
                    throw Explanations.Unreachable(options, request.Subject, diagnosis, failure);
            }
            catch (OperationCanceledException mute) when (!cancellationToken.IsCancellationRequested)
            {
                if (last || attempt >= RetryPolicy.MaxUnreachableAttempts)
                    throw Explanations.Unreachable(options, request.Subject, HubDiagnosis.Blocked, mute);
            }
            backoff = RetryPolicy.NextBackoff(backoff);
            await Task.Delay(asked ?? backoff, clock, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<HubAnswer> FollowAsync(HubRequest request, CancellationToken cancellationToken)
    {
        Uri uri = request.Uri;
        bool atHome = origins.IsHub(uri);
        string? commit = null;
        HubToken? token = request.Anonymous ? null : await options.FindTokenAsync(request.Subject.Repository, cancellationToken).ConfigureAwait(false);
        HashSet<string> visited = [];
        while (true)
        {
            if (visited.Count > MaxHops || !visited.Add(uri.AbsoluteUri))
                throw Explanations.BadRedirect(options, request.Subject, "the redirects do not end");
            HubToken? sent = atHome && origins.MayCarryToken(uri) ? token : null;
            HttpResponseMessage response = await SendOnceAsync(request, uri, sent, cancellationToken).ConfigureAwait(false);
            if (atHome)
                commit = HubHeaders.Commit(response) ?? commit;
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
            uri = next;
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

    private async Task<HttpResponseMessage> SendOnceAsync(HubRequest request, Uri uri, HubToken? token, CancellationToken cancellationToken)
    {
        using var message = new HttpRequestMessage(request.Method, uri);
        message.Headers.TryAddWithoutValidation("User-Agent", options.UserAgent);
        message.Headers.TryAddWithoutValidation("Accept-Encoding", "identity");
        message.Headers.TryAddWithoutValidation("X-Amzn-Trace-Id", Guid.NewGuid().ToString("D", CultureInfo.InvariantCulture));
        if (token is not null)
            message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Secret.Reveal());
        if (request.RangeStart > 0)
            message.Headers.Range = new RangeHeaderValue(request.RangeStart, null);
        // The time-out guards a real socket, so it runs on the real clock; the clock of the options serves back-off.
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(options.MetadataTimeout);
        return await invoker.SendAsync(message, timeout.Token).ConfigureAwait(false);
    }
}
