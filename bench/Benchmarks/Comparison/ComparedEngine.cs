using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmService.Benchmarks.Comparison;

/// <summary>What one generation took.</summary>
/// <param name="FirstSeconds">Until every stream had its first token.</param>
/// <param name="Seconds">From then on until the last token.</param>
/// <param name="Count">The tokens that came in these seconds.</param>
internal readonly record struct Generation(double FirstSeconds, double Seconds, int Count);

/// <summary>One engine of the comparison.</summary>
internal abstract class ComparedEngine(string name) : IDisposable
{
    public string Name { get; } = name;

    /// <summary>What it says it is; null while it is absent.</summary>
    public string? Version { get; protected set; }

    /// <summary>Why it does not run this shape; null when it does.</summary>
    public string? Absent { get; protected set; }

    /// <summary>Loads a shape, or finds out why it cannot.</summary>
    public abstract void Open(string folder, int threads);

    /// <summary>The rate of a piece of work in tokens a second; null when the engine cannot do it.</summary>
    public abstract double? Measure(Work work);

    public abstract void Dispose();
}

/// <summary>An engine in a process of its own that speaks the protocol of <c>bench/peers/protocol.mjs</c>.</summary>
internal sealed class EngineProcess(TimeSpan limit, string name, string program, string[] arguments, string? format = null) : ComparedEngine(name)
{
    private Process? _process;

    public override void Open(string folder, int threads)
    {
        try
        {
            // What an engine logs is not the table's.
            _process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
            _process.ErrorDataReceived += (_, line) => LastError = string.IsNullOrWhiteSpace(line.Data) ? LastError : line.Data;
            _process.BeginErrorReadLine();
        }
        catch (Win32Exception)
        {
            Absent = $"no {program} on the path";
            return;
        }
        JsonElement answer = Do(new JsonObject { ["do"] = "open", ["folder"] = Path.GetFullPath(folder), ["threads"] = threads, ["format"] = format });
        Version = Absent is null ? answer.GetProperty("version").GetString() : null;
    }

    public override double? Measure(Work work)
    {
        if (Absent is not null)
            return null;
        JsonElement answer = Do(new JsonObject { ["do"] = "generate", ["streams"] = work.Streams, ["prompt"] = work.Prompt, ["tokens"] = work.Tokens });
        if (Absent is not null)
            return null;
        Generation generation = new(answer.GetProperty("first").GetDouble(), answer.GetProperty("seconds").GetDouble(), answer.GetProperty("count").GetInt32());
        return work.IsPrompt ? work.Streams * work.Prompt / generation.FirstSeconds : generation.Count / generation.Seconds;
    }

    public override void Dispose()
    {
        if (_process is null)
            return;
        _process.StandardInput.Close();
        if (!_process.WaitForExit(5000))
            _process.Kill();
        _process.Dispose();
    }

    private string? LastError { get; set; }

    private string? Read()
    {
        // Libraries write to standard output too.
        string? line;
        do line = _process!.StandardOutput.ReadLine();
        while (line is not null && !line.StartsWith('{'));
        return line;
    }

    // An engine that ends, or does not answer in time, is absent from then on, and the others go on.
    private JsonElement Do(JsonObject command)
    {
        string? line = null;
        try
        {
            _process!.StandardInput.WriteLine(command.ToJsonString());
            _process.StandardInput.Flush();
            Task<string?> answered = Task.Run(Read);
            if (!answered.Wait(limit))
            {
                _process.Kill();
                Absent = $"no answer within {limit.TotalSeconds:0} s";
                return default;
            }
            line = answered.Result;
        }
        catch (IOException)
        {
            // It has ended; its last words are on its standard error.
        }
        if (line is null)
        {
            _process!.WaitForExit(5000);
            Absent = LastError ?? "its process ended";
            return default;
        }
        JsonElement answer = JsonDocument.Parse(line).RootElement;
        if (answer.TryGetProperty("absent", out JsonElement absent))
            Absent = absent.GetString();
        return answer;
    }
}
