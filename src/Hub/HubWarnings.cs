namespace LlmService.Hub;

/// <summary>Hands on what the Hub warns of (<c>X-HF-Warning: topic; message</c>), each topic once.</summary>
internal sealed class HubWarnings(HubOptions options)
{
    private const int MaxTopics = 32;

    private readonly Lock _lock = new();
    private readonly HashSet<string> _shown = new(StringComparer.Ordinal);

    public void Show(HttpResponseMessage response)
    {
        if (options.Warnings is null)
            return;
        foreach (string warning in HubHeaders.All(response, "X-HF-Warning"))
        {
            int end = warning.IndexOf(';', StringComparison.Ordinal);
            string topic = end < 0 ? "" : warning[..end].Trim();
            string message = Refusal.Clean(warning[(end + 1)..], options.Token);
            if (message.Length > 0 && IsNew(topic.Length > 0 ? topic : message))
                options.Warnings.Report(message);
        }
    }

    private bool IsNew(string topic)
    {
        lock (_lock)
            return _shown.Count < MaxTopics && _shown.Add(topic);
    }
}
