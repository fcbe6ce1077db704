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
        if (result.Summary.Parts > 1)
            _console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[yellow]Note:[/] longer than the context: summarized in {result.Summary.Parts} parts.");
        _console.MarkupLineInterpolated($"  Summary: {result.Summary.Text}");
        _console.MarkupLineInterpolated($"  Tags: {string.Join(", ", result.Tags.Tags)}");
        _console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"  [dim]first token after {result.Summary.Usage.FirstToken.TotalMilliseconds:0} ms, {result.Summary.Usage.TokensPerSecond:0} tokens/s[/]");
    }

    public void End(string model, IReadOnlyList<string> notes, IReadOnlyList<DocumentResult> results, TimeSpan loadTime)
    {
        using Process process = Process.GetCurrentProcess();
        double peakMegabytes = process.PeakWorkingSet64 / 1048576.0;
        double speed = results.Average(r => r.Summary.Usage.TokensPerSecond);
        bool allAnswered = results.All(r => r.Summary.Usage.CompletionTokens > 0);
        string verdict = string.Create(CultureInfo.InvariantCulture,
            $"{(allAnswered ? "OK" : "Some answers are empty")}: {model} answered {results.Count(r => r.Summary.Usage.CompletionTokens > 0)} of {results.Count} documents at {speed:0} tokens/s.");
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
        ["summary"] = result.Summary.Text,
        ["tags"] = new JsonArray([.. result.Tags.Tags.Select(t => JsonValue.Create(t))]),
        ["parts"] = result.Summary.Parts,
        ["first_token_ms"] = Math.Round(result.Summary.Usage.FirstToken.TotalMilliseconds, 1),
        ["tokens_per_second"] = Math.Round(result.Summary.Usage.TokensPerSecond, 1),
    };
}
