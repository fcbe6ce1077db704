using System.Diagnostics;
using LlmService.Benchmarks.Shapes;
using LlmService.Inference.Kernels;

namespace LlmService.Benchmarks.Comparison;

/// <summary>
/// <c>compare SHAPES [--npm FOLDER] [--rounds N] [--threads N] [--models NAME,NAME] [--works TEXT,TEXT] [--engines NAME,NAME] [--limit SECONDS] [--output FILE]</c>: our engine beside its peers on random
/// weights, each in a process of its own, in turns, and a table of it.
/// </summary>
/// <remarks>
/// SHAPES is a folder that the models are written to unless they are there. FOLDER is one in which <c>npm install --ignore-scripts @huggingface/transformers node-llama-cpp</c> ran.
/// <c>llama-bench</c>, <c>llama-batched-bench</c> and a <c>python3</c> that imports <c>ctranslate2</c> are taken from the path. What is not there is a row that says so,
/// and so is an engine that does not answer within the limit.
/// </remarks>
internal sealed class EngineComparison
{
    // Long enough for the threads of an engine to stop spinning before another one is measured.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(300);

    private static readonly TimeSpan WarmUpTime = TimeSpan.FromSeconds(2);

    private readonly Options _options;
    private readonly int _threads, _rounds;
    private readonly TimeSpan _limit;
    private readonly List<MachineLimits> _limits = [];
    private readonly List<ComparisonRow> _rows = [];

    private EngineComparison(Options options)
    {
        _options = options;
        _threads = options.Number("--threads", Environment.ProcessorCount);
        _rounds = options.Number("--rounds", 5);
        _limit = TimeSpan.FromSeconds(options.Number("--limit", 120));
    }

    public static int Run(string[] args)
    {
        Options options = new(args);
        if (options.Places.Length != 1 || options.Number("--rounds", 1) < 1)
        {
            Console.Error.WriteLine("compare SHAPES [--npm FOLDER] [--rounds N] [--threads N] [--models NAME,NAME] [--works TEXT,TEXT] [--engines NAME,NAME] [--limit SECONDS] [--output FILE]");
            return 2;
        }
        return new EngineComparison(options).Run(options.Places[0]);
    }

    private int Run(string folder)
    {
        foreach (ComparedShape shape in ComparedShape.All.Where(shape => Chosen("--models", shape.Model)))
        {
            MeasureLimits();
            ShapeModels.Make(shape.Model, Path.Combine(folder, shape.Model));
            Compare(shape, Path.Combine(folder, shape.Model));
        }
        MeasureLimits();
        Console.WriteLine(Report());
        return 0;
    }

    // After each piece of work, as a run takes long and may be ended.
    private string Report()
    {
        string report = ComparisonReport.Write(_rows, _limits, _threads, _rounds);
        if (_options.Text("--output") is { } output)
            File.WriteAllText(output, report);
        return report;
    }

    private void MeasureLimits()
    {
        using WorkerPool workers = new(_threads);
        _limits.Add(MachineLimits.Measure(workers));
    }

    private void Compare(ComparedShape shape, string folder)
    {
        ComparedEngine[] engines = [.. Engines(shape).Where(engine => Chosen("--engines", engine.Name))];
        try
        {
            foreach (ComparedEngine engine in engines)
                engine.Open(folder, _threads);
            foreach (Work work in shape.Works.Where(work => Chosen("--works", work.Name)))
                Compare(shape, work, engines);
        }
        finally
        {
            foreach (ComparedEngine engine in engines)
                engine.Dispose();
        }
    }

    private void Compare(ComparedShape shape, Work work, ComparedEngine[] engines)
    {
        List<double>[] rates = [.. engines.Select(_ => new List<double>())];
        foreach (ComparedEngine engine in engines)
            WarmUp(engine, work);
        // Every other round goes the other way round, so that no engine always follows the same one.
        for (int round = 0; round < _rounds; round++)
        {
            foreach (int i in round % 2 == 0 ? Enumerable.Range(0, engines.Length) : Enumerable.Range(0, engines.Length).Reverse())
            {
                if (engines[i].Measure(work) is { } rate)
                    rates[i].Add(rate);
                Thread.Sleep(engines[i].Absent is null ? Pause : TimeSpan.Zero);
            }
        }
        for (int i = 0; i < engines.Length; i++)
        {
            _rows.Add(new ComparisonRow(shape.Model, work.Name, engines[i].Name, engines[i].Version, engines[i].Absent, [.. rates[i].Order()]));
            Console.Error.WriteLine(_rows[^1]);
        }
        Report();
    }

    // Engines that compile while they run have done so after it.
    private static void WarmUp(ComparedEngine engine, Work work)
    {
        long started = Stopwatch.GetTimestamp();
        while (engine.Measure(work) is not null && Stopwatch.GetElapsedTime(started) < WarmUpTime)
        {
        }
    }

    private IEnumerable<ComparedEngine> Engines(ComparedShape shape)
    {
        string peers = Path.Combine(RepositoryFolder.Find(), "bench", "peers");
        string packages = _options.Text("--npm") ?? ".";
        foreach (string format in shape.Formats)
            yield return new EngineProcess(_limit, "ours " + format, Environment.ProcessPath!, ["own-engine"], format);
        yield return new EngineProcess(_limit, "transformers.js", "node", [Path.Combine(peers, "transformers-js.mjs"), packages]);
        yield return new EngineProcess(_limit, "ONNX Runtime", "node", [Path.Combine(peers, "onnxruntime.mjs"), packages]);
        yield return new EngineProcess(_limit, "llama.cpp", "node", [Path.Combine(peers, "llama.mjs"), packages]);
        yield return new LlamaTools(_limit);
        yield return new EngineProcess(_limit, "CTranslate2", "python3", [Path.Combine(peers, "ctranslate2_peer.py")]);
    }

    private bool Chosen(string option, string name) => _options.Text(option) is not { } names || names.Split(',').Any(part => name.Contains(part, StringComparison.OrdinalIgnoreCase));
}
