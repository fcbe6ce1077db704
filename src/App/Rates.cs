namespace LlmService.App;

/// <summary>Speeds as users compare them.</summary>
internal static class Rates
{
    /// <summary>Tokens after the first, over the time after the first; 0 where there is only one.</summary>
    public static double TokensPerSecond(int tokens, TimeSpan? first, TimeSpan total) =>
        tokens > 1 && first is { } started && total > started ? (tokens - 1) / (total - started).TotalSeconds : 0;
}
