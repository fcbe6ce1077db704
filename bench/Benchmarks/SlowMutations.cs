using System.Globalization;

namespace LlmService.Benchmarks;

/// <summary>Which mutations of a fuzz run took longest, in CPU time, so that other programs on the machine do not count.</summary>
internal sealed class SlowMutations
{
    private const int Kept = 5;
    private static readonly TimeSpan TooLong = TimeSpan.FromSeconds(1);

    private readonly PriorityQueue<string, TimeSpan> _slowest = new();

    /// <summary>Runs one mutation, and says at once when it took too long.</summary>
    /// <param name="number">What runs this one mutation again.</param>
    public void Measure(int number, string what, Action run)
    {
        TimeSpan before = Environment.CpuUsage.TotalTime;
        run();
        TimeSpan taken = Environment.CpuUsage.TotalTime - before;
        string line = string.Create(CultureInfo.InvariantCulture, $"{taken.TotalMilliseconds,8:0} ms: mutation {number} ({what})");
        _slowest.Enqueue(line, taken);
        if (_slowest.Count > Kept) _slowest.Dequeue();
        if (taken > TooLong) Console.WriteLine($"slow: {line}");
    }

    /// <summary>The slowest ones, the fastest of them first.</summary>
    public void Report()
    {
        while (_slowest.TryDequeue(out string? line, out _)) Console.WriteLine(line);
    }
}
