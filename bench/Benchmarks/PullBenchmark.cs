using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using LlmService.Hub;
using LlmService.LoopbackHub;

namespace LlmService.Benchmarks;

/// <summary>Pulls a file of 1 GiB from the loopback Hub, against <c>curl</c> to a file and <c>sha256sum</c> of it, alternating, and prints the medians.</summary>
/// <remarks><c>dotnet run -c Release --project bench/Benchmarks -- pull [MEBIBYTES] [RUNS]</c>. Both write below the folder for temporary files.</remarks>
internal static class PullBenchmark
{
    private const string Id = "bench/large";
    private const string FileName = "model.safetensors";

    public static async Task<int> RunAsync(string[] args)
    {
        int mebibytes = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 1024;
        int runs = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 5;
        byte[] bytes = GC.AllocateUninitializedArray<byte>(checked(mebibytes * 1024 * 1024));
        // Random numbers with a seed: nothing on the way can compress them.
        new Random(1).NextBytes(bytes);
        RepositoryContent content = RepositoryContent.Of(bytes, isLfs: true);
        await using LoopbackHubServer server = await LoopbackHubServer.StartAsync(
            [new Repository(Id, new Dictionary<string, RepositoryContent> { [FileName] = content })]);
        string folder = Directory.CreateTempSubdirectory("pull-benchmark-").FullName;
        try
        {
            List<double> ours = [], theirs = [];
            for (int run = 0; run <= runs; run++)
            {
                double pull = await TimeAsync(() => PullAsync(server, Path.Combine(folder, "cache")));
                double curl = await TimeAsync(() => CurlAsync(server, Path.Combine(folder, "file"), content.Sha256));
                Directory.Delete(Path.Combine(folder, "cache"), recursive: true);
                File.Delete(Path.Combine(folder, "file"));
                // The first round warms both up.
                if (run == 0)
                    continue;
                ours.Add(pull);
                theirs.Add(curl);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"run {run}: pull {pull:0.00} s, curl + sha256sum {curl:0.00} s"));
            }
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{mebibytes} MiB, medians of {runs}: pull {Median(ours):0.00} s, curl + sha256sum {Median(theirs):0.00} s, ratio {Median(ours) / Median(theirs):0.00}"));
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task PullAsync(LoopbackHubServer server, string cache)
    {
        using var client = new HubClient(new HubOptions { CacheFolder = cache, Endpoint = new Uri(server.Hub.Address) });
        _ = RepoId.TryParse(Id, out RepoId id);
        ModelRepository repository = await client.OpenAsync(id, "main", CancellationToken.None);
        await repository.DownloadAsync([FileName], null, CancellationToken.None);
    }

    private static async Task CurlAsync(LoopbackHubServer server, string file, string sha256)
    {
        await RunAsync("curl", "--silent", "--show-error", "--fail", "--location", "--output", file, $"{server.Hub.Address}/{Id}/resolve/main/{FileName}");
        string sum = await RunAsync("sha256sum", file);
        if (!sum.StartsWith(sha256, StringComparison.Ordinal))
            throw new CryptographicException("curl brought other bytes");
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} ended with {process.ExitCode}");
    }

    private static async Task<double> TimeAsync(Func<Task> work)
    {
        long started = Stopwatch.GetTimestamp();
        await work();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static double Median(List<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
