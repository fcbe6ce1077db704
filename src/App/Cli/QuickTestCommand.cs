using System.CommandLine;
using System.Diagnostics;
using LlmService.App.Tasks;
using LlmService.Inference;
using LlmService.Inference.Kernels;

namespace LlmService.App.Cli;

/// <summary><c>quick-test [MODEL]</c>: runs a model on three sample documents.</summary>
internal sealed class QuickTestCommand
{
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
        DownloadReport download = DownloadReport.To(_context);
        ModelLoading loading = new(options, workers, json ? _context.Error : _context.Out, download);
        long started = Stopwatch.GetTimestamp();
        await using LlmEngine engine = await loading.LoadAsync(options.Models[0], _ => { }, interrupt.Token);
        TimeSpan loadTime = Stopwatch.GetElapsedTime(started);

        IReadOnlyList<string> notes = Notes(options.Models[0], engine);
        List<DocumentResult> results = [];
        QuickTestReport report = new(_context, json);
        report.Begin(options.Models[0].Text, notes);
        DocumentTasks tasks = new(engine, options.Prompts);
        foreach (SampleDocument document in SampleDocuments.All)
        {
            string text = document.Text.ReplaceLineEndings(" ").Trim();
            DocumentResult result = new(document.Title, await tasks.SummarizeAsync(text, interrupt.Token), await tasks.TagAsync(text, interrupt.Token));
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
            notes.Add(ModelReference.DemoNote);
        if (!engine.Model.IsEncoderDecoder && !engine.TokenizerConfig.HasChatTemplate)
            notes.Add("This is a base model that follows no instructions: it only continues the text of a prompt, and may miss the task.");
        if (engine.ChatTemplateFailure is not null)
            notes.Add("The model's chat template does not compile; the prompts are plain transcripts.");
        return notes;
    }
}

/// <summary>What a model made of one document.</summary>
internal sealed record DocumentResult(string Title, DocumentSummary Summary, DocumentTags Tags);
