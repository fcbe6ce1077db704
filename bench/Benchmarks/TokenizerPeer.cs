using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmService.Benchmarks;

/// <summary>The format's reference in a process of its own.</summary>
internal sealed class TokenizerPeer : IDisposable
{
    private readonly Process _process;

    private TokenizerPeer(Process process) => _process = process;

    /// <summary>Starts it; null when Node.js or the package is not there.</summary>
    public static TokenizerPeer? Start(string script, string? packageFolder)
    {
        if (packageFolder is null || !Directory.Exists(Path.Combine(packageFolder, "node_modules", "tokenizers"))) return null;
        ProcessStartInfo start = new("node") { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.ArgumentList.Add(script);
        start.ArgumentList.Add(packageFolder);
        start.Environment["TOKENIZERS_PARALLELISM"] = "false";
        return new TokenizerPeer(Process.Start(start)!);
    }

    /// <summary>Does one thing; returns the CPU time in milliseconds, and how many tokens came of it.</summary>
    public (double CpuMilliseconds, double WallMilliseconds, int Tokens) Do(string action, params (string Name, JsonNode Value)[] arguments)
    {
        JsonObject command = new() { ["do"] = action };
        foreach ((string name, JsonNode value) in arguments) command[name] = value;
        _process.StandardInput.WriteLine(command.ToJsonString());
        _process.StandardInput.Flush();
        string answer = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"The peer ended at {command.ToJsonString()}.");
        using JsonDocument document = JsonDocument.Parse(answer);
        return (document.RootElement.GetProperty("cpu").GetDouble(), document.RootElement.GetProperty("wall").GetDouble(), document.RootElement.GetProperty("tokens").GetInt32());
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit(5000);
        _process.Dispose();
    }
}
