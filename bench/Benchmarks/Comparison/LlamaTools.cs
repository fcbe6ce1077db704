using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace LlmService.Benchmarks.Comparison;

/// <summary>llama.cpp's own <c>llama-bench</c> and <c>llama-batched-bench</c>, when they are on the path; they load the model for every measurement.</summary>
internal sealed class LlamaTools() : ComparedEngine("llama-bench")
{
    private string _file = "", _threads = "";

    public override void Open(string folder, int threads)
    {
        _file = Path.Combine(folder, "gguf", "model-q4_0.gguf");
        _threads = threads.ToString(CultureInfo.InvariantCulture);
        if (!File.Exists(_file))
            Absent = "llama-bench does not run encoder-decoders";
        else if (Run("llama-bench", "-m", _file, "-p", "1", "-n", "0", "-r", "1", "-o", "json") is { } output)
            Version = $"llama.cpp build {First(output).GetProperty("build_number")}, Q4_0";
    }

    public override double? Measure(Work work)
    {
        if (Absent is not null)
            return null;
        if (work.Streams > 1)
        {
            string? rows = Run("llama-batched-bench", "-m", _file, "-t", _threads, "-c", Text(work.Streams * (work.Prompt + work.Tokens) + 64),
                "-npp", Text(work.Prompt), "-ntg", Text(work.Tokens - 1), "-npl", Text(work.Streams), "--output-format", "jsonl");
            string? row = rows?.Split('\n').LastOrDefault(line => line.StartsWith('{'));
            return row is null ? null : JsonDocument.Parse(row).RootElement.GetProperty("speed_tg").GetDouble();
        }
        string[] amount = work.IsPrompt ? ["-p", Text(work.Prompt), "-n", "0"] : ["-p", "0", "-n", Text(work.Tokens - 1), "-d", Text(work.Prompt > 1 ? work.Prompt : 0)];
        return Run("llama-bench", ["-m", _file, "-t", _threads, "-r", "1", "-o", "json", .. amount]) is { } output ? First(output).GetProperty("avg_ts").GetDouble() : null;
    }

    public override void Dispose() { }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static JsonElement First(string json) => JsonDocument.Parse(json).RootElement[0];

    private string? Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode == 0)
                return output;
            Absent = $"{program} ended with {process.ExitCode}";
        }
        catch (Win32Exception)
        {
            Absent = $"no {program} on the path";
        }
        return null;
    }
}
