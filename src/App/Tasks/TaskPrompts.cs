namespace LlmService.App.Tasks;

/// <summary>The words that the tasks put around a document, in one place. Each has the place holder <c>{content}</c> once.</summary>
internal sealed record TaskPrompts
{
    private const string PlaceHolder = "{content}";

    public static TaskPrompts Default { get; } = new();

    /// <summary>Asks an encoder-decoder for a summary.</summary>
    public string Summary { get; init; } = "Summarize the following text in one sentence:\n\n{content}";

    /// <summary>Asks an encoder-decoder for tags.</summary>
    public string Tags { get; init; } = "List the main topics of the following text as short tags separated by commas:\n\n{content}";

    /// <summary>Asks any other model for a summary. A base model, which follows no instructions, can only continue the text: so the document comes first.</summary>
    public string DecoderSummary { get; init; } = "{content}\n\nSummary of the text above in one sentence:";

    /// <summary>Asks any other model for tags.</summary>
    public string DecoderTags { get; init; } = "{content}\n\nTags for the text above, separated by commas:";

    /// <summary>Puts a document into one of the prompts.</summary>
    public static string Render(string template, string content) => template.Replace(PlaceHolder, content, StringComparison.Ordinal);

    /// <summary>Reads the section <c>Prompts</c> of <c>appsettings.json</c>; what it leaves out keeps its default.</summary>
    /// <param name="mistakes">Receives a sentence for each mistake.</param>
    public static TaskPrompts Read(Settings settings, ICollection<string> mistakes)
    {
        TaskPrompts prompts = Default;
        foreach ((string name, Setting setting) in settings.Section("Prompts", mistakes))
        {
            if (setting.Value.Split(PlaceHolder).Length != 2)
                mistakes.Add($"{setting.Source}: a prompt must have the place holder {PlaceHolder} exactly once.");
            prompts = name switch
            {
                nameof(Summary) => prompts with { Summary = setting.Value },
                nameof(Tags) => prompts with { Tags = setting.Value },
                nameof(DecoderSummary) => prompts with { DecoderSummary = setting.Value },
                nameof(DecoderTags) => prompts with { DecoderTags = setting.Value },
                _ => Unknown(prompts, setting, mistakes),
            };
        }
        return prompts;
    }

    private static TaskPrompts Unknown(TaskPrompts prompts, Setting setting, ICollection<string> mistakes)
    {
        mistakes.Add($"{setting.Source}: there is no such prompt; the prompts are {nameof(Summary)}, {nameof(Tags)}, {nameof(DecoderSummary)}, {nameof(DecoderTags)}.");
        return prompts;
    }
}
