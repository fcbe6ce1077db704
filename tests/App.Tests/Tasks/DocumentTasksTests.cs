using LlmService.App.Http;
using LlmService.Inference;
using LlmService.Inference.Configuration;
using LlmService.Tokenizers;
using LlmService.Tokenizers.Chat;

namespace LlmService.App.Tasks;

public sealed class DocumentTasksTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Summarize_EncoderDecoder_AsksWithTheInstructionFirst()
    {
        (DocumentSummary summary, List<string> prompts) = await SummarizeAsync(" The text.\n", _ => " Short. ", new Kind { IsEncoderDecoder = true });
        Assert.Equal(["Summarize the following text in one sentence:\n\nThe text."], prompts);
        Assert.Equal(("Short.", 1), (summary.Text, summary.Parts));
        Assert.Equal((prompts[0].Length, " Short. ".Length + 1), (summary.Usage.PromptTokens, summary.Usage.CompletionTokens));
        Assert.InRange(summary.Usage.FirstToken, TimeSpan.FromTicks(1), summary.Usage.Total);
    }

    [Fact]
    public async Task Summarize_BaseModel_ReadsTheDocumentFirstAndStopsAtItsParagraph()
    {
        (DocumentSummary summary, List<string> prompts) = await SummarizeAsync("The text.", _ => "\n\nShort.\n\nAnother story", new Kind());
        Assert.Equal(["The text.\n\nSummary of the text above in one sentence:"], prompts);
        Assert.Equal("Short.", summary.Text);
    }

    [Fact]
    public async Task Summarize_ChatModel_GetsATranscriptAndEndsWithItsTurn()
    {
        (DocumentSummary summary, List<string> prompts) = await SummarizeAsync("The text.", _ => " Short.\n\nReally.\nUser: And now?", new Kind { HasChatTemplate = true });
        Assert.Equal(["User: The text.\n\nSummary of the text above in one sentence:\nAssistant:"], prompts);
        Assert.Equal("Short.\n\nReally.", summary.Text);
    }

    [Fact]
    public async Task Summarize_ModelWithATemplate_IsAskedInItAndDoesNotThink()
    {
        ChatTemplate template = ChatTemplate.Parse("<|user|>{{ messages[0].content }}<|assistant|>{{ '<think>' if enable_thinking is not defined or enable_thinking }}", "t");
        (DocumentSummary summary, List<string> prompts) = await SummarizeAsync("The <end> text.", _ => "Short.\nUser: really.", new Kind { ChatTemplate = template });
        Assert.Equal(["<|user|>The <end> text.\n\nSummary of the text above in one sentence:<|assistant|>"], prompts);
        Assert.Equal("Short.\nUser: really.", summary.Text);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Summarize_LongDocument_SummarizesTheSummaries(bool isEncoderDecoder)
    {
        string content = string.Concat(Enumerable.Range(0, 200).Select(i => $"Sentence number {i}. "));
        (DocumentSummary summary, List<string> prompts) = await SummarizeAsync(
            content, prompt => prompt.Contains("number", StringComparison.Ordinal) ? "Short of it." : "Whole.", new Kind { IsEncoderDecoder = isEncoderDecoder });
        Assert.Equal("Whole.", summary.Text);
        Assert.InRange(summary.Parts, 10, 40);
        Assert.True(prompts.Count > summary.Parts);
        // Everything was read, and in order.
        Assert.All(Enumerable.Range(0, 200), i => Assert.Contains(prompts, p => p.Contains($"number {i}.", StringComparison.Ordinal)));
        Assert.Equal(prompts.Sum(p => p.Length), summary.Usage.PromptTokens);
    }

    [Fact]
    public async Task Summarize_SummariesThatDoNotGetShorter_EndsWithAllOfThem()
    {
        string answer = new('y', 60);
        (DocumentSummary summary, List<string> prompts) = await SummarizeAsync(new string('x', 1000), _ => answer, new Kind { ContextLength = 128 });
        Assert.InRange(prompts.Count, summary.Parts, summary.Parts * 4);
        Assert.Contains("\n\n", summary.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Summarize_LongSummariesThatFitTogether_AreSummarized()
    {
        string content = string.Concat(Enumerable.Repeat("a ", 75));
        string answer = new('y', 64);
        (DocumentSummary summary, List<string> prompts) = await SummarizeAsync(content, prompt => prompt.Contains('y') && !prompt.Contains("a a", StringComparison.Ordinal) ? "Whole." : answer, new Kind());
        Assert.Equal(("Whole.", 2, 3), (summary.Text, summary.Parts, prompts.Count));
    }

    [Fact]
    public async Task Tag_DocumentOfTooManyParts_NamesTheContent()
    {
        AppException e = await Assert.ThrowsAsync<AppException>(() => TagAsync(new string('x', 100_000), _ => "a", new Kind { ContextLength = 80 }));
        Assert.Equal((FailureCode.ContextLengthExceeded, "content"), (e.Code, e.Parameter));
    }

    [Fact]
    public async Task Summarize_EmptyAnswers_IsEmpty()
    {
        (DocumentSummary summary, List<string> prompts) = await SummarizeAsync(new string('x', 1000), _ => "<unk>", new Kind());
        Assert.Equal(("", prompts.Count), (summary.Text, summary.Parts));
    }

    [Fact]
    public async Task Tag_LongDocument_RanksByParts()
    {
        string content = string.Concat(Enumerable.Range(0, 60).Select(i => $"Sentence number {i}. "));
        (DocumentTags tags, List<string> prompts) = await TagAsync(
            content, prompt => prompt.Contains("number 0.", StringComparison.Ordinal) ? "First, Common" : "common, Rest", new Kind { IsEncoderDecoder = true });
        Assert.Equal(["common", "rest", "first"], tags.Tags);
        Assert.Equal(prompts.Count, tags.Parts);
        Assert.StartsWith("First, Common\ncommon, Rest", tags.Answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tag_AnswerThatIsCutOff_LeavesOutTheHalfTag()
    {
        (DocumentTags tags, _) = await TagAsync("text", _ => "queue, billing, " + new string('w', 58), new Kind { IsEncoderDecoder = true });
        Assert.Equal(["queue", "billing"], tags.Tags);
    }

    [Fact]
    public async Task Tag_BlankStretches_AreNotAsked()
    {
        (DocumentTags tags, List<string> prompts) = await TagAsync("start" + new string(' ', 2000) + "end", _ => "a", new Kind { IsEncoderDecoder = true });
        Assert.Equal(prompts.Count, tags.Parts);
        Assert.All(prompts, p => Assert.Matches("start|end", p));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Tag_PromptLargerThanTheContext_SaysSo(bool isEncoderDecoder)
    {
        AppException e = await Assert.ThrowsAsync<AppException>(() => TagAsync("text", _ => "a", new Kind { IsEncoderDecoder = isEncoderDecoder, ContextLength = 40 }));
        Assert.Equal(FailureCode.ContextLengthExceeded, e.Code);
        Assert.Contains("prompt", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tag_ModelThatSamples_SaysTheSameEachTime()
    {
        Kind kind = new() { IsEncoderDecoder = true, Generation = new() { DoSample = true, Sampling = new() { Temperature = 50 } } };
        (DocumentTags first, _) = await TagAsync("text", _ => "a, b", kind);
        (DocumentTags second, _) = await TagAsync("text", _ => "a, b", kind);
        Assert.Equal(first.Answer, second.Answer);
        Assert.NotEqual("a, b", first.Answer);
    }

    [Fact]
    public async Task Tag_WithoutTokenizer_SaysSo()
    {
        await using LlmEngine engine = Engine(_ => "a", new Kind(), null);
        AppException e = await Assert.ThrowsAsync<AppException>(() => new DocumentTasks(engine, TaskPrompts.Default).TagAsync("text", Cancellation));
        Assert.Equal((FailureCode.InvalidRequest, "content"), (e.Code, e.Parameter));
    }

    [Fact]
    public async Task Tag_EngineThatRefuses_PassesItOn()
    {
        await using LlmEngine engine = Engine(_ => throw new InferenceException(InferenceFailure.OutOfMemory, "x"), new Kind(), ByteTokenizer.Create());
        InferenceException e = await Assert.ThrowsAsync<InferenceException>(() => new DocumentTasks(engine, TaskPrompts.Default).TagAsync(new string('x', 5000), Cancellation));
        Assert.Equal(InferenceFailure.OutOfMemory, e.Failure);
    }

    private static async Task<(DocumentSummary Summary, List<string> Prompts)> SummarizeAsync(string content, Func<string, string> script, Kind kind)
    {
        List<string> prompts = [];
        await using LlmEngine engine = Engine(Recording(script, prompts), kind, ByteTokenizer.Create());
        return (await new DocumentTasks(engine, TaskPrompts.Default).SummarizeAsync(content, Cancellation), prompts);
    }

    private static async Task<(DocumentTags Tags, List<string> Prompts)> TagAsync(string content, Func<string, string> script, Kind kind)
    {
        List<string> prompts = [];
        await using LlmEngine engine = Engine(Recording(script, prompts), kind, ByteTokenizer.Create());
        return (await new DocumentTasks(engine, TaskPrompts.Default).TagAsync(content, Cancellation), prompts);
    }

    private static Func<string, string> Recording(Func<string, string> script, List<string> prompts) => prompt =>
    {
        prompts.Add(prompt);
        return script(prompt);
    };

    private static LlmEngine Engine(Func<string, string> script, Kind kind, Tokenizer? tokenizer) => TestHost.Ready(
        "acme/tiny", new ScriptedRunner(script) { IsEncoderDecoder = kind.IsEncoderDecoder, ContextLength = kind.ContextLength }, tokenizer,
        new TokenizerConfig { HasChatTemplate = kind.HasChatTemplate }, kind.Generation, chatTemplate: kind.ChatTemplate).Engine!;

    /// <summary>What kind of model answers.</summary>
    private sealed record Kind
    {
        public bool IsEncoderDecoder { get; init; }

        public bool HasChatTemplate { get; init; }

        public ChatTemplate? ChatTemplate { get; init; }

        public int ContextLength { get; init; } = 256;

        public GenerationConfiguration? Generation { get; init; }
    }
}
