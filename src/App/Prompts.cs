namespace LlmService.App;

/// <summary>The words that the tasks put around a document, in one place.</summary>
internal static class Prompts
{
    /// <summary>The prompt for a one-sentence summary.</summary>
    public static string Summary(bool encoderDecoder, string document) => encoderDecoder
        ? $"Summarize the following text in one sentence:\n\n{document}"
        : $"{document}\n\nSummary of the text above in one sentence:";

    /// <summary>The prompt for a list of tags.</summary>
    public static string Tags(bool encoderDecoder, string document) => encoderDecoder
        ? $"List the main topics of the following text as short tags separated by commas:\n\n{document}"
        : $"{document}\n\nTags for the text above, separated by commas:";
}
