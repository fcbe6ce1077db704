using System.Diagnostics;
using System.Text;
using LlmService.Inference;

namespace LlmService.App;

/// <summary>One whole answer, what it cost and why it ended.</summary>
/// <param name="FirstToken">The time to the first token; null when there was none.</param>
internal sealed record GeneratedText(string Text, int PromptTokens, int Tokens, TimeSpan? FirstToken, TimeSpan Total, FinishReason? FinishReason)
{
    public double TokensPerSecond => Rates.TokensPerSecond(Tokens, FirstToken, Total);

    /// <summary>Generates and gathers.</summary>
    /// <param name="onText">Hears each new piece of the text.</param>
    /// <exception cref="InferenceException">What the engine refuses.</exception>
    public static async Task<GeneratedText> GenerateAsync(
        LlmEngine engine, GenerationRequest request, Action<string>? onText, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        StringBuilder text = new();
        int promptTokens = 0, tokens = 0;
        TimeSpan? first = null;
        FinishReason? reason = null;
        await foreach (GenerationUpdate update in engine.GenerateAsync(request, cancellationToken))
        {
            promptTokens += update.PromptTokens?.Count ?? 0;
            tokens += update.Tokens.Count;
            first ??= tokens > 0 ? Stopwatch.GetElapsedTime(started) : null;
            reason = update.FinishReason ?? reason;
            text.Append(update.Text);
            onText?.Invoke(update.Text);
        }
        return new(text.ToString(), promptTokens, tokens, first, Stopwatch.GetElapsedTime(started), reason);
    }
}
