using System.Globalization;
using System.Security.Cryptography;

namespace LlmService.Hub;

/// <summary>Which answers are worth another try, and when.</summary>
internal static class RetryPolicy
{
    public const int MaxAttempts = 5;

    /// <summary>Unreachable hosts seldom come back within seconds, and each try may cost a whole time-out.</summary>
    public const int MaxUnreachableAttempts = 2;

    private const int MaxBrokenBodies = 3;

    /// <summary>A longer wait is not waited but reported.</summary>
    public static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan MaxAsked = TimeSpan.FromDays(30);

    public static bool IsTransient(int status) => status is 408 or 429 or 500 or 502 or 503 or 504;

    /// <summary>The wait that the server asks for; null when it names none.</summary>
    public static TimeSpan? AskedWait(HttpResponseMessage response, DateTimeOffset now)
    {
        TimeSpan? window = (int)response.StatusCode == 429 ? ExhaustedWindow(response) : null;
        TimeSpan? asked = RetryAfter(response, now);
        TimeSpan? wait = window > asked || asked is null ? window : asked;
        return wait is null ? null : TimeSpan.FromTicks(Math.Clamp(wait.Value.Ticks, 0, MaxAsked.Ticks));
    }

    /// <summary>Decorrelated jitter between 0.5 and 20 seconds, so that many processes do not come back together.</summary>
    public static TimeSpan NextBackoff(TimeSpan previous)
    {
        int ceiling = (int)Math.Clamp(previous.TotalMilliseconds * 3, 501, 20_000);
        return TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32(500, ceiling + 1));
    }

    /// <summary>Asks again where an answer broke off in its body. What stayed silent or dripped is not worth another minute.</summary>
    /// <param name="ask">Asks, and reads the body; a body that breaks off is an <see cref="IOException"/> or <see cref="HttpRequestException"/>.</param>
    /// <param name="options">The clock, and facts for the message.</param>
    /// <param name="subject">What it is about.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<T> OverBrokenBodiesAsync<T>(Func<Task<T>> ask, HubOptions options, Subject subject, CancellationToken cancellationToken)
    {
        TimeSpan backoff = TimeSpan.Zero;
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await ask().ConfigureAwait(false);
            }
            catch (Exception broken) when (broken is IOException or HttpRequestException)
            {
                if (attempt == MaxBrokenBodies)
                    throw Explanations.Unreachable(options, subject, HubDiagnosis.HubUnavailable, broken);
            }
            backoff = NextBackoff(backoff);
            await Task.Delay(backoff, options.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
    }

    // RateLimit: "api";r=0;t=40 explains a refusal only when nothing is left (r=0); it stands on good answers too.
    private static TimeSpan? ExhaustedWindow(HttpResponseMessage response)
    {
        long? left = null, reset = null;
        foreach (string part in (HubHeaders.Get(response, "RateLimit") ?? "").Split(';', StringSplitOptions.TrimEntries))
        {
            if (part.StartsWith("r=", StringComparison.Ordinal))
                left = Number(part[2..]);
            else if (part.StartsWith("t=", StringComparison.Ordinal))
                reset = Number(part[2..]);
        }
        return left == 0 && reset is not null ? Seconds(reset.Value) : null;
    }

    private static TimeSpan? RetryAfter(HttpResponseMessage response, DateTimeOffset now)
    {
        string? text = HubHeaders.Get(response, "Retry-After");
        if (Number(text) is { } seconds)
            return Seconds(seconds);
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset date)
            ? date - now
            : null;
    }

    // One more second: the server's count is rounded.
    private static TimeSpan Seconds(long seconds) => TimeSpan.FromSeconds(Math.Min(seconds, (long)MaxAsked.TotalSeconds) + 1);

    private static long? Number(string? text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;
}
