using System.CommandLine;
using LlmService.App.Evaluation;
using LlmService.App.Tasks;
using LlmService.Inference;
using LlmService.Inference.Kernels;

namespace LlmService.App.Cli;

/// <summary><c>evaluate [MODEL]...</c>: how well and how fast models tag documents with known tags.</summary>
internal sealed class EvaluateCommand
{
    private const string Description = """
        Scores models on documents with known tags, and recommends one of several.

        Score: 30 % parse rate, 40 % F1, 20 % latency (full points up to 1 s per document, none from 30 s on), 10 % absence of errors.
        Exit code: 0 when every model loaded and answered, else the code of the first that did not; the report is written in any case.
        """;

    private readonly ProcessContext _context;
    private readonly Argument<string[]> _models = new("MODEL") { Description = "demo (the default), a Hub id owner/name[@revision], or a folder; several are compared.", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<string?> _cases = new("--cases") { Description = "Use these documents in place of the eight built-in ones: JSON, [{\"name\", \"text\", \"tags\": []}].", HelpName = "FILE" };
    private readonly Option<bool> _json = new("--json") { Description = "Write one JSON object, with every document." };
    private readonly Option<bool> _csv = new("--csv") { Description = "Write CSV, one line for each model." };
    private readonly Option<bool> _details = new("--details") { Description = "Show every document beside the table: expected, found, missing and extra tags." };
    private readonly EngineSettings _engine = new();

    private EvaluateCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        EvaluateCommand evaluate = new(context);
        Command command = new("evaluate", Description) { evaluate._models, evaluate._cases, evaluate._json, evaluate._csv, evaluate._details };
        evaluate._engine.AddTo(command);
        command.SetAction((parsed, _) => evaluate.InvokeAsync(parsed));
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed)
    {
        bool csv = parsed.GetValue(_csv), details = parsed.GetValue(_details), json = parsed.GetValue(_json);
        if (csv && (json || details))
            throw new AppException(FailureCode.InvalidRequest, $"--csv and {(json ? "--json" : "--details")} exclude each other.");
        AppOptions options = AppOptions.Read(_context, _engine.Read(parsed, parsed.GetValue(_models) ?? []));
        string? file = parsed.GetValue(_cases);
        IReadOnlyList<EvaluationCase> cases = file is null ? BuiltInCases.All : CaseFile.Read(file, _context.WorkingDirectory);

        using Interrupt interrupt = new();
        using WorkerPool workers = new(options.Threads);
        DownloadReport download = DownloadReport.To(_context);
        ModelLoading loading = new(options, workers, _context.Error, download);
        List<ModelEvaluation> models = [];
        foreach (ModelReference model in options.Models)
            models.Add(await EvaluateAsync(model, loading, options.Prompts, cases, interrupt.Token));

        EvaluationOutcome outcome = new(file ?? "built-in", cases.Count, models);
        if (json)
            _context.Out.WriteLine(JsonOutput.Write(EvaluateJson.Create(outcome)));
        else if (csv)
            _context.Out.Write(EvaluateCsv.Create(outcome));
        else
            new EvaluateReport(outcome, Terminal.Create(_context)).Write(details);
        return outcome.Failure?.Code.ExitCode ?? 0;
    }

    /// <summary>Loads one model, runs the cases and lets go of the model; every failure but Ctrl-C becomes part of the result.</summary>
    private async Task<ModelEvaluation> EvaluateAsync(
        ModelReference model, ModelLoading loading, TaskPrompts prompts, IReadOnlyList<EvaluationCase> cases, CancellationToken cancellationToken)
    {
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            long started = _context.TimeProvider.GetTimestamp();
            await using LlmEngine engine = await loading.LoadAsync(model, _ => { }, cancellationToken);
            TimeSpan loadTime = _context.TimeProvider.GetElapsedTime(started);
            CaseRunner runner = new(new DocumentTasks(engine, prompts).TagAsync, _context.Error);
            IReadOnlyList<CaseResult> results = await new EvaluateProgress(_context, cases.Count)
                .ShowAsync(model.Text, report => runner.RunAsync(cases, report, cancellationToken));
            return ModelEvaluation.Of(model.Text, cases.Count, results, loadTime);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return new(model.Text, EvaluationState.Interrupted, []);
        }
        catch (Exception e)
        {
            Failure failure = Failures.From(e);
            if (failure.Code == FailureCode.InternalError)
                _context.Error.WriteLine(e.ToString());
            CommandLine.Fail(_context, json: false, failure);
            return new(model.Text, EvaluationState.Failed, [], Failure: failure);
        }
    }
}
