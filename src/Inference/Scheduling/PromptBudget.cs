namespace LlmService.Inference.Scheduling;

/// <summary>
/// How much of prompts is computed in one step: all that a step may hold while nobody else waits, else as much as delays running texts by about a tenth of a second. Encoders, which run between
/// the steps of the decoder, delay them by less where these steps are short.
/// </summary>
/// <param name="most">The most tokens of a step.</param>
/// <param name="clock">Measures what prompts and running texts cost.</param>
internal sealed class PromptBudget(int most, TimeProvider clock)
{
    /// <summary>By how much a running text may be delayed for the prompts of others.</summary>
    public static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(100);

    /// <summary>What encoders may take of a step in any case: beside a few running texts, whose steps are very short, they would crawl.</summary>
    public static readonly TimeSpan ShortestDelay = TimeSpan.FromMilliseconds(20);

    /// <summary>How many times as long as the decoder encoders may take, so that the pauses between the tokens of a text stay below three times the usual one.</summary>
    public const double EncoderShare = 1.5;

    private const int Fewest = 16;

    // A mean in which newer steps count more.
    private const double Newest = 0.3;

    private double _secondsPerToken;
    private double _decoderSeconds;

    /// <summary>Tokens of prompts for the next step.</summary>
    /// <param name="othersWait">Whether a text is running that the prompts delay.</param>
    public int Tokens(bool othersWait) =>
        !othersWait || _secondsPerToken == 0 ? most : (int)Math.Clamp(Delay.TotalSeconds / _secondsPerToken, Math.Min(Fewest, most), most);

    /// <summary>How long encoders may run before the next step of the decoder.</summary>
    /// <param name="inputs">Texts whose encoder is to run. Where they are more than the running ones, their waiting counts for more than the others' delay.</param>
    /// <param name="running">Texts that are being written.</param>
    public TimeSpan EncoderTime(int inputs, int running)
    {
        if (running == 0)
            return Timeout.InfiniteTimeSpan;
        double seconds = EncoderShare * _decoderSeconds * Math.Max(1, (double)inputs / running);
        return _decoderSeconds == 0 ? Delay : TimeSpan.FromSeconds(Math.Clamp(seconds, ShortestDelay.TotalSeconds, Delay.TotalSeconds));
    }

    /// <summary>The present moment.</summary>
    public long Now => clock.GetTimestamp();

    /// <summary>Whether so much time has passed since then; never where it is infinite.</summary>
    public bool IsSpent(TimeSpan time, long started) => time != Timeout.InfiniteTimeSpan && clock.GetElapsedTime(started) >= time;

    /// <summary>Learns from a step of the decoder.</summary>
    /// <param name="promptTokens">Tokens of prompts in it.</param>
    /// <param name="runningTokens">Tokens of running texts in it.</param>
    /// <param name="started">When it began.</param>
    public void Learn(int promptTokens, int runningTokens, long started)
    {
        // The tokens of both go through the same products: a step is theirs in equal parts.
        double secondsPerToken = clock.GetElapsedTime(started).TotalSeconds / (promptTokens + runningTokens);

        // What few tokens cost is mostly the step itself.
        if (promptTokens >= Math.Min(Fewest, most))
            _secondsPerToken = Mean(_secondsPerToken, secondsPerToken);
        if (runningTokens > 0)
            _decoderSeconds = Mean(_decoderSeconds, secondsPerToken * runningTokens);
    }

    private static double Mean(double before, double now) => before == 0 ? now : (Newest * now) + ((1 - Newest) * before);
}
