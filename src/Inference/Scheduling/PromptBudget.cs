namespace LlmService.Inference.Scheduling;

/// <summary>
/// How much of prompts is computed in one step: all that a step may hold while nobody else waits, else as much as makes the step last about a tenth of a second, or one and a half times what
/// running texts alone take. Encoders, which run between the steps of the decoder, take less time where these steps are short.
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
    public const double EncoderShare = 1.25;

    private const int Fewest = 16;

    // A mean in which newer steps count more.
    private const double Newest = 0.3;

    // Of the decoder's steps those count more that nothing else held up, such as requests that all arrive at once.
    private const double NewestFaster = 0.5, NewestSlower = 0.1;

    private double _secondsPerToken;
    private double _decoderSeconds;

    /// <summary>Tokens of prompts for the next step.</summary>
    /// <param name="othersWait">Whether a text is running that the prompts delay.</param>
    public int Tokens(bool othersWait) =>
        !othersWait || _secondsPerToken == 0 ? most : (int)Math.Clamp(PromptSeconds / _secondsPerToken, Math.Min(Fewest, most), most);

    // What the running texts leave of the delay; where that is little or nothing, half of what they take, so that prompts do not crawl.
    private double PromptSeconds => Math.Min(Delay.TotalSeconds, Math.Max(Delay.TotalSeconds - _decoderSeconds, _decoderSeconds / 2));

    /// <summary>How long encoders may run before the next step of the decoder.</summary>
    /// <param name="othersWait">Whether a text is running that the encoders delay; without one their time is infinite.</param>
    public TimeSpan EncoderTime(bool othersWait)
    {
        if (!othersWait)
            return Timeout.InfiniteTimeSpan;
        return _decoderSeconds == 0 ? Delay : TimeSpan.FromSeconds(Math.Clamp(EncoderShare * _decoderSeconds, ShortestDelay.TotalSeconds, Delay.TotalSeconds));
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
            _secondsPerToken = Mean(_secondsPerToken, secondsPerToken, Newest);
        double running = secondsPerToken * runningTokens;
        if (runningTokens > 0)
            _decoderSeconds = Mean(_decoderSeconds, running, running < _decoderSeconds ? NewestFaster : NewestSlower);
    }

    private static double Mean(double before, double now, double weight) => before == 0 ? now : (weight * now) + ((1 - weight) * before);
}
