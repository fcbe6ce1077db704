using System.Diagnostics;
using System.Text.Json;
using LlmService.Inference;
using LlmService.Tokenizers;

namespace LlmService.App.Tasks;

/// <summary>What a task cost.</summary>
/// <param name="PromptTokens">Of all parts.</param>
/// <param name="CompletionTokens">Of all parts.</param>
/// <param name="FirstToken">The time to the first token of the first part.</param>
/// <param name="Total">The time to the end.</param>
internal sealed record TaskUsage(int PromptTokens, int CompletionTokens, TimeSpan FirstToken, TimeSpan Total)
{
    public double TokensPerSecond => Rates.TokensPerSecond(CompletionTokens, FirstToken, Total);

    /// <summary>What this and a task that followed it cost together.</summary>
    public TaskUsage Then(TaskUsage next) =>
        new(PromptTokens + next.PromptTokens, CompletionTokens + next.CompletionTokens, FirstToken, Total + next.Total);
}

/// <summary>A summary.</summary>
/// <param name="Parts">How many parts the document was cut into.</param>
internal sealed record DocumentSummary(string Text, int Parts, TaskUsage Usage);

/// <summary>Tags.</summary>
/// <param name="Answer">What the model wrote, of all parts, joined by line ends.</param>
/// <param name="Parts">How many parts the document was cut into.</param>
internal sealed record DocumentTags(IReadOnlyList<string> Tags, string Answer, int Parts, TaskUsage Usage);

/// <summary>Asks a model for a summary or for tags of a document of any length. The same document gives the same answer.</summary>
internal sealed class DocumentTasks(LlmEngine engine, TaskPrompts prompts)
{
    private const int SummaryTokens = 128;
    private const int TagTokens = 64;
    private const int MaxParts = 4096;
    private const int ConcurrentParts = 8;
    private const ulong Seed = 1;

    /// <summary>Summarizes; of a document in several parts, the summaries of the parts are summarized again until they fit one prompt.</summary>
    /// <param name="content">The document; not blank.</param>
    /// <exception cref="AppException">invalid_request; context_length_exceeded.</exception>
    /// <exception cref="InferenceException">What the engine refuses.</exception>
    public async Task<DocumentSummary> SummarizeAsync(string content, CancellationToken cancellationToken)
    {
        DocumentTask task = new(engine.Model.IsEncoderDecoder ? prompts.Summary : prompts.DecoderSummary, SummaryTokens);
        long started = Stopwatch.GetTimestamp();
        List<string> parts = Split(task, content, cancellationToken);
        TimeSpan prepared = Stopwatch.GetElapsedTime(started);
        int count = parts.Count;
        List<GeneratedText> all = [];
        while (true)
        {
            GeneratedText[] answers = await GenerateAsync(task, parts, cancellationToken);
            all.AddRange(answers);
            string text = string.Join("\n\n", answers.Select(Text).Where(t => t.Length > 0));
            // Summaries that hardly become fewer never fit: then they are the answer, side by side.
            if (parts.Count == 1 || text.Length == 0 || TrySplit(task, text, parts.Count * 3 / 4, cancellationToken) is not { } next)
                return new(text, count, Usage(all, prepared, started));
            parts = next;
        }
    }

    /// <summary>Finds tags; of a document in several parts, those that most parts have come first.</summary>
    /// <param name="content">The document; not blank.</param>
    /// <exception cref="AppException">invalid_request; context_length_exceeded.</exception>
    /// <exception cref="InferenceException">What the engine refuses.</exception>
    public async Task<DocumentTags> TagAsync(string content, CancellationToken cancellationToken)
    {
        DocumentTask task = new(engine.Model.IsEncoderDecoder ? prompts.Tags : prompts.DecoderTags, TagTokens);
        long started = Stopwatch.GetTimestamp();
        List<string> parts = Split(task, content, cancellationToken);
        TimeSpan prepared = Stopwatch.GetElapsedTime(started);
        GeneratedText[] answers = await GenerateAsync(task, parts, cancellationToken);
        IReadOnlyList<string> tags = TagList.Merge([.. answers.Select(a => TagList.Parse(WholeTags(a)))]);
        return new(tags, string.Join('\n', answers.Select(a => a.Text.Trim())), parts.Count, Usage(answers, prepared, started));
    }

    private List<string> Split(DocumentTask task, string content, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(content);
        return TrySplit(task, content, MaxParts, cancellationToken)
            ?? throw new AppException(FailureCode.ContextLengthExceeded, $"A document of {content.Length} characters makes more than {MaxParts} parts that fit this model's context.")
            {
                Parameter = "content",
                Remedy = "Send a shorter document, or use a model with a longer context.",
            };
    }

    /// <summary>The parts of a text that say anything; null when there are more than <paramref name="maxParts"/>.</summary>
    private List<string>? TrySplit(DocumentTask task, string text, int maxParts, CancellationToken cancellationToken)
    {
        if (engine.Tokenizer is null)
        {
            throw new AppException(FailureCode.InvalidRequest, "This service runs without a tokenizer, so it cannot read documents; send token ids to /v1/completions.")
            {
                Parameter = "content",
            };
        }
        int room = engine.Model.IsEncoderDecoder ? engine.Model.PromptLength : engine.Model.ContextLength - AnswerTokens(task);
        DocumentSplitter splitter = new(engine.Tokenizer, part => CountTokens(Prompt(task, part)), room);
        return splitter.Split(text, maxParts, cancellationToken)?.FindAll(part => !string.IsNullOrWhiteSpace(part));
    }

    private async Task<GeneratedText[]> GenerateAsync(DocumentTask task, List<string> parts, CancellationToken cancellationToken)
    {
        GeneratedText[] answers = new GeneratedText[parts.Count];
        ParallelOptions options = new() { MaxDegreeOfParallelism = ConcurrentParts, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(Enumerable.Range(0, parts.Count), options, async (part, cancellation) =>
        {
            ChatPrompt prompt = Prompt(task, parts[part]);
            GenerationRequest request = new()
            {
                Prompt = prompt.TokenIds is null ? prompt.Text : null,
                PromptTokenIds = prompt.TokenIds,
                MaxTokens = AnswerTokens(task),
                Sampling = engine.DefaultSampling with { Seed = Seed },
                Stop = FollowsChats && !HasTemplate ? ["\nUser:"] : [],
            };
            answers[part] = await GeneratedText.GenerateAsync(engine, request, null, cancellation);
        });
        return answers;
    }

    // A decoder-only model writes into the context that it reads from: the document gets most of it.
    private int AnswerTokens(DocumentTask task) => engine.Model.IsEncoderDecoder
        ? Math.Min(task.MaxTokens, engine.Model.ContextLength)
        : Math.Min(task.MaxTokens, Math.Max(1, engine.Model.ContextLength / 4));

    private ChatPrompt Prompt(DocumentTask task, string part)
    {
        ChatTurn turn = new("user", TaskPrompts.Render(task.Template, part.Trim()));
        if (!FollowsChats)
            return new(turn.Text, null);
        return HasTemplate
            ? ChatPrompt.Render(engine, new([turn]) { Variables = WithoutThinking }, CancellationToken.None)
            : new(PlainChat.Render([turn], engine.Model), null);
    }

    private int CountTokens(ChatPrompt prompt) => prompt.TokenIds?.Count ?? engine.Tokenizer!.Encode(prompt.Text, SpecialTokens.Include).Ids.Count;

    // An answer is short: thinking would take all of it.
    private Dictionary<string, JsonElement> WithoutThinking => engine.ChatTemplate!.Abilities.ThinkingVariable is { } variable
        ? new() { [variable] = JsonElement.Parse("false") }
        : [];

    private bool FollowsChats => !engine.Model.IsEncoderDecoder && (HasTemplate || engine.TokenizerConfig.HasChatTemplate);

    private bool HasTemplate => engine.ChatTemplate is not null;

    private string Text(GeneratedText answer)
    {
        string text = SpecialTokenTexts.Remove(answer.Text).Trim();
        // A base model goes on after the answer with a text of its own.
        int end = engine.Model.IsEncoderDecoder || FollowsChats ? -1 : text.IndexOf("\n\n", StringComparison.Ordinal);
        return end < 0 ? text : text[..end].TrimEnd();
    }

    // The last tag of an answer that was cut off is half a tag.
    private string WholeTags(GeneratedText answer)
    {
        string text = Text(answer);
        int end = answer.FinishReason == FinishReason.Length ? text.LastIndexOfAny([',', '\n', ';', '，', '、', '；']) : -1;
        return end < 0 ? text : text[..end];
    }

    private static TaskUsage Usage(IReadOnlyList<GeneratedText> answers, TimeSpan prepared, long started) => new(
        answers.Sum(a => a.PromptTokens), answers.Sum(a => a.Tokens), prepared + (answers[0].FirstToken ?? TimeSpan.Zero), Stopwatch.GetElapsedTime(started));

    /// <summary>What to ask, and how long the answer may be.</summary>
    private sealed record DocumentTask(string Template, int MaxTokens);
}
