using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace LlmService.Benchmarks.Comparison;

/// <summary>llama.cpp's own <c>llama-bench</c> and <c>llama-batched-bench</c>, when they are on the path; they load the model for every measurement.</summary>
internal sealed class LlamaTools(TimeSpan limit) : ComparedEngine("llama-bench")
{
    private string _file = "", _threads = "";

    public override void Open(string folder, int threads)
    {
        _file = Path.Combine(folder, "gguf", "model-q4_0.gguf");
        _threads = Text(threads);
        if (!File.Exists(_file))
            Absent = "llama-bench does not run encoder-decoders";
        // A missing second program is found out here and not in the middle of a run.
        else if (Run("llama-batched-bench", "--version") is not null && Bench("-p", "1", "-n", "0") is { } row)
            Version = $"llama.cpp build {row.GetProperty("build_number")} ({row.GetProperty("build_commit").GetString()}), Q4_0";
    }

    public override double? Measure(Work work)
    {
        if (Absent is not null)
            return null;
        if (work.Streams > 1)
        {
            return Row("llama-batched-bench", "-m", _file, "-t", _threads, "-c", Text(work.Streams * (work.Prompt + work.Tokens) + 64), "-npp", Text(work.Prompt),
                "-ntg", Text(work.Tokens - 1), "-npl", Text(work.Streams), "--output-format", "jsonl")?.GetProperty("speed_tg").GetDouble();
        }
        JsonElement? row = work.IsPrompt ? Bench("-p", Text(work.Prompt), "-n", "0") : Bench("-p", "0", "-n", Text(work.Tokens - 1), "-d", Text(work.Prompt > 1 ? work.Prompt : 0));
        return row?.GetProperty("avg_ts").GetDouble();
    }

    public override void Dispose() { }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private JsonElement? Bench(params string[] amount) => Row("llama-bench", ["-m", _file, "-t", _threads, "-r", "1", "-o", "jsonl", .. amount]);

    // The programs print notes too.
    private JsonElement? Row(string program, params string[] arguments)
    {
        if (Run(program, arguments) is not { } output)
            return null;
        if (output.Split('\n').LastOrDefault(line => line.StartsWith('{')) is { } line)
            return JsonDocument.Parse(line).RootElement;
        Absent = $"{program} measured nothing";
        return null;
    }

    private string? Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            string? lastError = null;
            process.ErrorDataReceived += (_, line) => lastError = string.IsNullOrWhiteSpace(line.Data) ? lastError : line.Data;
            process.BeginErrorReadLine();
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            if (!output.Wait(limit))
            {
                process.Kill();
                Absent = $"{program} did not end within {limit.TotalSeconds:0} s";
                return null;
            }
            process.WaitForExit();
            if (process.ExitCode == 0)
                return output.Result;
            Absent = $"{program} ended with {process.ExitCode}: {lastError}";
        }
        catch (Win32Exception)
        {
            Absent = $"no {program} on the path";
        }
        return null;
    }
}
