using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace LlmService.App.Cli;

/// <summary>Shows a quick test: text as it goes, or one JSON object at the end.</summary>
internal sealed class QuickTestReport(ProcessContext context, bool json)
{
    private readonly IAnsiConsole _console = Terminal.Create(context);

    public void Begin(string model, IReadOnlyList<string> notes)
    {
        if (json)
            return;
        _console.WriteLine();
        _console.MarkupLineInterpolated($"[bold]Quick test of {model}[/]");
        foreach (string note in notes)
            _console.MarkupLineInterpolated($"[yellow]Note:[/] {note}");
    }

    public void Add(DocumentResult result)
    {
        if (json)
            return;
        _console.WriteLine();
        _console.MarkupLineInterpolated($"[bold]{result.Title}[/]");
        if (result.Cut is { } cut)
            _console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[yellow]Note:[/] cut to fit the context: {cut.Given} of {cut.Whole} characters.");
        _console.MarkupLineInterpolated($"  {(result.TagsAnswer is null ? "Continuation" : "Summary")}: {result.Summary.Text}");
        if (result.TagsAnswer is not null)
            _console.MarkupLineInterpolated($"  Tags: {string.Join(", ", result.Tags)}");
        _console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"  [dim]first token after {result.Summary.FirstToken.TotalMilliseconds:0} ms, {result.Summary.TokensPerSecond:0} tokens/s[/]");
    }

    public void End(string model, IReadOnlyList<string> notes, IReadOnlyList<DocumentResult> results, TimeSpan loadTime)
    {
        using Process process = Process.GetCurrentProcess();
        double peakMegabytes = process.PeakWorkingSet64 / 1048576.0;
        double speed = results.Average(r => r.Summary.TokensPerSecond);
        bool allAnswered = results.All(r => r.Summary.Tokens > 0);
        string verdict = string.Create(CultureInfo.InvariantCulture,
            $"{(allAnswered ? "OK" : "Some answers are empty")}: {model} answered {results.Count(r => r.Summary.Tokens > 0)} of {results.Count} documents at {speed:0} tokens/s.");
        if (json)
        {
            context.Out.WriteLine(JsonOutput.Write(ToJson(model, notes, results, loadTime, peakMegabytes, verdict)));
            return;
        }
        _console.WriteLine();
        _console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"Loaded in {loadTime.TotalSeconds:0.00} s, peak memory {peakMegabytes:0} MB.");
        _console.MarkupLineInterpolated($"[bold]{verdict}[/]");
    }

    private static JsonObject ToJson(
        string model, IReadOnlyList<string> notes, IReadOnlyList<DocumentResult> results, TimeSpan loadTime, double peakMegabytes, string verdict) => new()
        {
            ["ok"] = true,
            ["model"] = model,
            ["notes"] = new JsonArray([.. notes.Select(n => JsonValue.Create(n))]),
            ["documents"] = new JsonArray([.. results.Select(ToJson)]),
            ["load_seconds"] = Math.Round(loadTime.TotalSeconds, 3),
            ["peak_memory_mb"] = Math.Round(peakMegabytes, 1),
            ["verdict"] = verdict,
        };

    private static JsonObject ToJson(DocumentResult result) => new()
    {
        ["title"] = result.Title,
        ["cut"] = result.Cut is not null,
        [result.TagsAnswer is null ? "continuation" : "summary"] = result.Summary.Text,
        ["tags"] = new JsonArray([.. result.Tags.Select(t => JsonValue.Create(t))]),
        ["first_token_ms"] = Math.Round(result.Summary.FirstToken.TotalMilliseconds, 1),
        ["tokens_per_second"] = Math.Round(result.Summary.TokensPerSecond, 1),
    };
}
