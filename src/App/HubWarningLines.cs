namespace LlmService.App;

/// <summary>Writes what the Hub warns of, a line each.</summary>
internal sealed class HubWarningLines(TextWriter writer) : IProgress<string>
{
    public void Report(string value)
    {
        writer.WriteLine($"[LLM] The Hub warns: {value}");
        writer.Flush();
    }
}
