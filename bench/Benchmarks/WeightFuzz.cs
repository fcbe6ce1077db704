using System.Diagnostics;
using System.Globalization;
using LlmService.Inference;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;
using LlmService.Tokenizers;

namespace LlmService.Benchmarks;

/// <summary>
/// <c>weights-fuzz FOLDER [COUNT] [SEED] [FIRST]</c>: damages the weight files of a model, every set of them in turn, loads what comes out and generates a token
/// with it. Only our own exceptions may come back, soon and in bounded memory. COUNT 1 and a FIRST repeat one mutation.
/// </summary>
internal sealed class WeightFuzz : IDisposable
{
    private const int MaxTokens = 64;
    private static readonly TimeSpan TooLong = TimeSpan.FromSeconds(5);

    private readonly int _seed;
    private readonly string _folder = Directory.CreateTempSubdirectory("weights-fuzz-").FullName;
    private readonly WorkerPool _workers = new(1);
    private readonly WeightChoice[] _choices;
    private readonly Dictionary<string, byte[]> _files = [];
    private readonly Dictionary<string, int> _outcomes = [];
    private (TimeSpan Time, int Index) _slowest;
    private (long Bytes, int Index) _largest;

    private WeightFuzz(string model, int seed)
    {
        _seed = seed;
        foreach (string path in Directory.EnumerateFiles(model, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(_folder, Path.GetRelativePath(model, path));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.WriteAllBytes(copy, File.ReadAllBytes(path));
        }
        _choices = [.. WeightFiles.List([.. WeightFiles.FilesOf(_folder)])];
    }

    public static int Run(string[] arguments)
    {
        if (arguments.Length is 0 or > 4)
        {
            Console.Error.WriteLine("weights-fuzz FOLDER [COUNT] [SEED] [FIRST]");
            return 2;
        }
        int[] numbers = [.. arguments.Skip(1).Select(a => int.Parse(a, CultureInfo.InvariantCulture))];
        using WeightFuzz fuzz = new(arguments[0], numbers.ElementAtOrDefault(1));
        if (fuzz._choices.Length == 0)
        {
            Console.Error.WriteLine($"'{arguments[0]}' has no weights.");
            return 2;
        }
        return fuzz.Run(numbers.ElementAtOrDefault(2), numbers.Length > 0 ? numbers[0] : 20_000);
    }

    public void Dispose()
    {
        _workers.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private int Run(int first, int count)
    {
        int findings = 0;
        for (int index = first; index < first + count; index++)
        {
            // Processor time: a busy machine makes nothing slow that is not.
            TimeSpan started = Environment.CpuUsage.TotalTime;
            long allocated = GC.GetTotalAllocatedBytes();
            WeightChoice choice = _choices[index % _choices.Length];
            try
            {
                Count(choice, RunOne(choice, index));
            }
            catch (Exception e)
            {
                findings++;
                Count(choice, "a finding");
                Console.WriteLine($"{index}, {choice.Name}: {e}");
            }
            Note(index, Environment.CpuUsage.TotalTime - started, GC.GetTotalAllocatedBytes() - allocated);
        }
        Report(count);
        return findings == 0 ? 0 : 1;
    }

    private string RunOne(WeightChoice choice, int index)
    {
        Random random = new(unchecked(_seed * 1_000_003 + index));
        IReadOnlyList<string> files = choice.FilesIn(_folder);
        string name = files[random.Next(files.Count)], path = Path.Combine(_folder, name);
        byte[] original = _files.TryGetValue(name, out byte[]? known) ? known : _files[name] = File.ReadAllBytes(path);
        File.WriteAllBytes(path, WeightMutator.Mutate(original, random));
        try
        {
            GenerateAsync(choice).GetAwaiter().GetResult();
            return "load and answer";
        }
        catch (InferenceException e)
        {
            return e.Failure.ToString();
        }
        catch (TokenizerException)
        {
            return "the tokenizer is refused";
        }
        finally
        {
            File.WriteAllBytes(path, original);
        }
    }

    private async Task GenerateAsync(WeightChoice choice)
    {
        EngineOptions options = new() { Workers = _workers, Weights = choice, SkipTokenizer = !choice.IsSelfContained, MaxModelLength = MaxTokens, KvCacheBytes = 16 << 20 };
        await using LlmEngine engine = LlmEngine.Load(_folder, options);
        GenerationRequest request = new() { PromptTokenIds = [1, 2, 0], MaxTokens = 1, IgnoreEndTokens = true };
        await foreach (GenerationUpdate _ in engine.GenerateAsync(request, default))
        {
            // The token itself may be any.
        }
    }

    private void Count(WeightChoice choice, string outcome)
    {
        string key = $"{choice.Index ?? choice.Files[0]}: {outcome}";
        _outcomes[key] = _outcomes.GetValueOrDefault(key) + 1;
    }

    private void Note(int index, TimeSpan time, long allocated)
    {
        if (time > _slowest.Time)
            _slowest = (time, index);
        if (allocated > _largest.Bytes)
            _largest = (allocated, index);
        if (time > TooLong)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{index}: took {time.TotalSeconds:0.0} s"));
    }

    private void Report(int count)
    {
        using Process process = Process.GetCurrentProcess();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{count} mutations with the seed {_seed}; the slowest took {_slowest.Time.TotalSeconds:0.00} s of processor time (number {_slowest.Index}); the largest allocated {_largest.Bytes / 1e6:0.0} MB (number {_largest.Index}); at most {process.PeakWorkingSet64 / 1e6:0} MB of memory at once"));
        foreach ((string outcome, int times) in _outcomes.OrderBy(o => o.Key, StringComparer.Ordinal))
            Console.WriteLine($"  {outcome}: {times}");
    }
}
