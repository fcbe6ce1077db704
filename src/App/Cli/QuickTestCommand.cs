using System.CommandLine;
using System.Diagnostics;
using LlmService.Inference;
using LlmService.Inference.Kernels;

namespace LlmService.App.Cli;

/// <summary><c>quick-test [MODEL]</c>: runs a model on three sample documents.</summary>
internal sealed class QuickTestCommand
{
    private const int SummaryTokens = 64;
    private const int TagTokens = 48;

    private readonly ProcessContext _context;
    private readonly Argument<string?> _model = new("MODEL") { Description = "demo (the default), a Hub id owner/name[@revision], or a folder.", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<bool> _json = new("--json") { Description = "Write one JSON object." };
    private readonly EngineSettings _engine = new();

    private QuickTestCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        QuickTestCommand test = new(context);
        Command command = new("quick-test", "Runs a model on three sample documents: a summary and tags for each.") { test._model, test._json };
        test._engine.AddTo(command);
        command.SetAction((parsed, _) => test.InvokeAsync(parsed));
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed)
    {
        bool json = parsed.GetValue(_json);
        AppOptions options = AppOptions.Read(_context, _engine.Read(parsed, parsed.GetValue(_model) is { } given ? [given] : []));
        using Interrupt interrupt = new();
        using WorkerPool workers = new(options.Threads);
        DownloadReport download = new(_context.Error, _context.IsErrorTerminal, _context.TimeProvider);
        ModelLoading loading = new(options, workers, json ? _context.Error : _context.Out, download);
        long started = Stopwatch.GetTimestamp();
        await using LlmEngine engine = await loading.LoadAsync(options.Models[0], _ => { }, interrupt.Token);
        TimeSpan loadTime = Stopwatch.GetElapsedTime(started);

        IReadOnlyList<string> notes = Notes(options.Models[0], engine);
        List<DocumentResult> results = [];
        QuickTestReport report = new(_context, json);
        report.Begin(options.Models[0].Text, notes);
        foreach (SampleDocument document in SampleDocuments.All)
        {
            DocumentResult result = await RunAsync(engine, document, interrupt.Token);
            report.Add(result);
            results.Add(result);
        }
        report.End(options.Models[0].Text, notes, results, loadTime);
        return 0;
    }

    private static List<string> Notes(ModelReference model, LlmEngine engine)
    {
        List<string> notes = [];
        if (model.IsDemo)
            notes.Add("The built-in model 'demo' is tiny and untrained: it shows that the engine works, and its words mean nothing. For real use try google/flan-t5-base.");
        if (!engine.Model.IsEncoderDecoder && !engine.TokenizerConfig.HasChatTemplate)
            notes.Add("This is a base model that follows no instructions: the texts below are plain continuations of the documents.");
        if (engine.TokenizerConfig.HasChatTemplate)
            notes.Add("The model's chat template is not applied; the prompts are plain text.");
        return notes;
    }

    private static async Task<DocumentResult> RunAsync(LlmEngine engine, SampleDocument document, CancellationToken cancellationToken)
    {
        bool instructions = engine.Model.IsEncoderDecoder || engine.TokenizerConfig.HasChatTemplate;
        bool encoderDecoder = engine.Model.IsEncoderDecoder;
        int reserve = encoderDecoder ? 0 : SummaryTokens;
        string whole = document.Text.ReplaceLineEndings(" ").Trim();
        string text = SentenceCut.ToFit(whole, part => Fits(engine, Prompts.Tags(encoderDecoder, part), reserve) && Fits(engine, Prompts.Summary(encoderDecoder, part), reserve));
        Answer summary = await GenerateAsync(engine, instructions ? Prompts.Summary(encoderDecoder, text) : text, SummaryTokens, cancellationToken);
        Answer? tags = instructions ? await GenerateAsync(engine, Prompts.Tags(encoderDecoder, text), TagTokens, cancellationToken) : null;
        return new(document.Title, text.Length < whole.Length ? (text.Length, whole.Length) : null, summary, tags, tags is null ? [] : TagList.Parse(tags.Text));
    }

    private static bool Fits(LlmEngine engine, string prompt, int reserve) =>
        engine.Tokenizer!.Encode(prompt, Tokenizers.SpecialTokens.Include).Ids.Count + reserve <= engine.Model.PromptLength;

    private static async Task<Answer> GenerateAsync(LlmEngine engine, string prompt, int maxTokens, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        TimeSpan? first = null;
        int tokens = 0;
        System.Text.StringBuilder text = new();
        GenerationRequest request = new() { Prompt = prompt, MaxTokens = Math.Min(maxTokens, engine.Model.ContextLength), Sampling = engine.DefaultSampling with { Seed = 1 } };
        await foreach (GenerationUpdate update in engine.GenerateAsync(request, cancellationToken))
        {
            tokens += update.Tokens.Count;
            first ??= tokens > 0 ? Stopwatch.GetElapsedTime(started) : null;
            text.Append(update.Text);
        }
        return new(text.ToString().Trim(), tokens, first ?? TimeSpan.Zero, Rates.TokensPerSecond(tokens, first, Stopwatch.GetElapsedTime(started)));
    }
}

/// <summary>One generated text and its speed.</summary>
internal sealed record Answer(string Text, int Tokens, TimeSpan FirstToken, double TokensPerSecond);

/// <summary>What a model made of one document.</summary>
/// <param name="Title">The document.</param>
/// <param name="Cut">Characters that were given and that there are, when the document did not fit.</param>
/// <param name="Summary">The summary, or the continuation of a base model.</param>
/// <param name="TagsAnswer">The answer that the tags were read from; null for a base model.</param>
/// <param name="Tags">The tags.</param>
internal sealed record DocumentResult(string Title, (int Given, int Whole)? Cut, Answer Summary, Answer? TagsAnswer, IReadOnlyList<string> Tags);
