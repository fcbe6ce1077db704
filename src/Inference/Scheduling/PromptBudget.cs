namespace LlmService.Inference.Scheduling;

/// <summary>How much of prompts is computed in one step: all that a step may hold while nobody else waits, else as much as delays running texts by about a tenth of a second.</summary>
/// <param name="most">The most tokens of a step.</param>
/// <param name="clock">Measures what prompts cost.</param>
internal sealed class PromptBudget(int most, TimeProvider clock)
{
    /// <summary>By how much a running text may be delayed for the prompts of others.</summary>
    public static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(100);

    private const int Fewest = 16;

    // A mean in which newer steps count more.
    private const double Newest = 0.3;

    private double _secondsPerToken;

    /// <summary>Tokens of prompts for the next step.</summary>
    /// <param name="othersWait">Whether a text is running that the prompts delay.</param>
    public int Tokens(bool othersWait) =>
        !othersWait || _secondsPerToken == 0 ? most : (int)Math.Clamp(Delay.TotalSeconds / _secondsPerToken, Math.Min(Fewest, most), most);

    /// <summary>The present moment.</summary>
    public long Now => clock.GetTimestamp();

    /// <summary>Whether a part of an encoder that began so long ago is to let others go on.</summary>
    public bool IsSpent(long started) => clock.GetElapsedTime(started) >= Delay;

    /// <summary>Learns from a step.</summary>
    /// <param name="tokens">Tokens of prompts in it.</param>
    /// <param name="started">When it began.</param>
    public void Learn(int tokens, long started)
    {
        // What few tokens cost is mostly the step itself.
        if (tokens < Math.Min(Fewest, most))
            return;
        double seconds = clock.GetElapsedTime(started).TotalSeconds / tokens;
        _secondsPerToken = _secondsPerToken == 0 ? seconds : (Newest * seconds) + ((1 - Newest) * _secondsPerToken);
    }
}
