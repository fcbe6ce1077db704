using LlmService.Benchmarks.Shapes;
using LlmService.Inference.Kernels;

namespace LlmService.Benchmarks.Comparison;

/// <summary>
/// <c>compare SHAPES [--npm FOLDER] [--rounds N] [--threads N] [--models NAME,NAME] [--works TEXT,TEXT] [--engines NAME,NAME] [--output FILE]</c>: our engine beside its peers on random
/// weights, each in a process of its own, in turns, and a table of it.
/// </summary>
/// <remarks>
/// SHAPES is a folder that the models are written to unless they are there. FOLDER is one in which <c>npm install --ignore-scripts @huggingface/transformers node-llama-cpp</c> ran.
/// <c>llama-bench</c> and a <c>python3</c> that imports <c>ctranslate2</c> are taken from the path. What is not there is a row that says so.
/// </remarks>
internal sealed class EngineComparison
{
    // Long enough for the threads of an engine to stop spinning before another one is measured.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(300);

    private readonly Options _options;
    private readonly int _threads, _rounds;
    private readonly List<MachineLimits> _limits = [];
    private readonly List<ComparisonRow> _rows = [];

    private EngineComparison(Options options)
    {
        _options = options;
        _threads = options.Number("--threads", Environment.ProcessorCount);
        _rounds = options.Number("--rounds", 5);
    }

    public static int Run(string[] args)
    {
        Options options = new(args);
        if (options.Places.Length != 1 || options.Number("--rounds", 1) < 1)
        {
            Console.Error.WriteLine("compare SHAPES [--npm FOLDER] [--rounds N] [--threads N] [--models NAME,NAME] [--works TEXT,TEXT] [--engines NAME,NAME] [--output FILE]");
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
        string report = ComparisonReport.Write(_rows, _limits, _threads, _rounds);
        Console.WriteLine(report);
        if (_options.Text("--output") is { } output)
            File.WriteAllText(output, report);
        return 0;
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
        // The first round warms all of them up. Every other round goes the other way round, so that no engine always follows the same one.
        for (int round = -1; round < _rounds; round++)
        {
            foreach (int i in round % 2 == 0 ? Enumerable.Range(0, engines.Length) : Enumerable.Range(0, engines.Length).Reverse())
            {
                if (engines[i].Measure(work) is { } rate && round >= 0)
                    rates[i].Add(rate);
                Thread.Sleep(engines[i].Absent is null ? Pause : TimeSpan.Zero);
            }
        }
        for (int i = 0; i < engines.Length; i++)
        {
            _rows.Add(new ComparisonRow(shape.Model, work.Name, engines[i].Name, engines[i].Version, engines[i].Absent, [.. rates[i].Order()]));
            Console.Error.WriteLine(_rows[^1]);
        }
    }

    private IEnumerable<ComparedEngine> Engines(ComparedShape shape)
    {
        string peers = Path.Combine(RepositoryFolder.Find(), "bench", "peers");
        string packages = _options.Text("--npm") ?? ".";
        foreach (string format in shape.Formats)
            yield return new EngineProcess("ours " + format, Environment.ProcessPath!, ["own-engine"], format);
        yield return new EngineProcess("transformers.js", "node", [Path.Combine(peers, "transformers-js.mjs"), packages]);
        yield return new EngineProcess("ONNX Runtime", "node", [Path.Combine(peers, "onnxruntime.mjs"), packages]);
        yield return new EngineProcess("llama.cpp", "node", [Path.Combine(peers, "llama.mjs"), packages]);
        yield return new LlamaTools();
        yield return new EngineProcess("CTranslate2", "python3", [Path.Combine(peers, "ctranslate2_peer.py")]);
    }

    private bool Chosen(string option, string name) => _options.Text(option) is not { } names || names.Split(',').Any(part => name.Contains(part, StringComparison.OrdinalIgnoreCase));
}
