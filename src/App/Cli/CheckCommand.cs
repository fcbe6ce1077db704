using System.CommandLine;
using System.Text.Json.Nodes;
using LlmService.App.Check;
using LlmService.Inference.Kernels;
using Spectre.Console;

namespace LlmService.App.Cli;

/// <summary><c>check MODEL</c>: whether a model could be loaded, and if not why, before any weight moves.</summary>
internal sealed class CheckCommand
{
    private readonly ProcessContext _context;
    private readonly Argument<string> _model = new("MODEL") { Description = "demo, a Hub id owner/name[@revision], or a folder." };
    private readonly Option<bool> _json = new("--json") { Description = "Write one JSON object." };
    private readonly Option<bool> _skipTokenizer = new("--skip-tokenizer-init") { Description = "Ask for no tokenizer, as serve --skip-tokenizer-init does." };
    private readonly EngineSettings _engine = new();

    private CheckCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        CheckCommand check = new(context);
        Command command = new("check", "Says whether a model could be loaded, and if not why; no weights are downloaded.") { check._model, check._json, check._skipTokenizer };
        check._engine.AddTo(command);
        command.SetAction((parsed, _) => check.InvokeAsync(parsed));
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed)
    {
        AppOptions options = AppOptions.Read(_context, _engine.Read(parsed, [parsed.GetValue(_model)!]) with { SkipTokenizerInit = parsed.GetValue(_skipTokenizer) });
        using Interrupt interrupt = new();
        using WorkerPool workers = new(1);
        CheckReport report = await new ModelCheck(options, workers).RunAsync(options.Models[0], interrupt.Token);
        if (parsed.GetValue(_json))
            _context.Out.WriteLine(JsonOutput.Write(ToJson(report)));
        else
            Show(report);
        return report.Failure is { } failure ? CommandLine.Fail(_context, json: false, failure) : 0;
    }

    private void Show(CheckReport report)
    {
        IAnsiConsole console = Terminal.Create(_context);
        int width = report.Steps.Max(step => step.Name.Length);
        foreach (CheckStep step in report.Steps)
        {
            string colour = step.Status switch { CheckStatus.Passed => "green", CheckStatus.Failed => "red", _ => "dim" };
            console.MarkupLine($"[{colour}]{step.StatusName.Replace('_', ' '),-11}[/]  {step.Name.PadRight(width)}  {Markup.Escape(step.Detail)}".TrimEnd());
        }
        if (report.Ok)
            console.MarkupLineInterpolated($"OK: {report.Model} can be loaded.");
    }

    private static JsonObject ToJson(CheckReport report)
    {
        JsonObject json = new()
        {
            ["ok"] = report.Ok,
            ["model"] = report.Model,
            ["steps"] = new JsonArray([.. report.Steps.Select(step => new JsonObject { ["name"] = step.Name, ["status"] = step.StatusName, ["detail"] = step.Detail })]),
        };
        if (report.Failure is { } failure)
        {
            json["code"] = failure.Code.Name;
            json["diagnosis"] = failure.Diagnosis;
            json["message"] = failure.Message;
            json["remedy"] = failure.Remedy;
        }
        return json;
    }
}
