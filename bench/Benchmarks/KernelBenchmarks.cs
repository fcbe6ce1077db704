using System.Globalization;
using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Benchmarks;

/// <summary>Work of which is known how much it reads and computes.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Batch">Rows of the input; 0 for a limit of the machine.</param>
public sealed record KernelCase(string Name, int Batch)
{
    internal const string Memory = "limit: memory", Floats = "limit: floats", Bytes = "limit: bytes";

    /// <inheritdoc/>
    public override string ToString() => Batch == 0 ? Name : string.Create(CultureInfo.InvariantCulture, $"{Name}, batch {Batch}");
}

/// <summary>Matrix products in every format, with the limits of the machine among them: one run, one table.</summary>
[Config(typeof(Rates))]
public class KernelBenchmarks : IDisposable
{
    // The size of Qwen2.5-0.5B's feed-forward; enough matrices that they do not fit the caches, as those of a model do not.
    private const int Rows = 4864, Columns = 896, Matrices = 48;
    private static readonly int[] Batches = [1, 4, 16, 256];

    private readonly WorkerPool _workers = new(Environment.ProcessorCount);
    private Action _work = () => { };

    /// <summary>All work.</summary>
    public static IEnumerable<KernelCase> Cases =>
    [
        new(KernelCase.Memory, 0), new(KernelCase.Floats, 0), .. System.Runtime.Intrinsics.X86.Avx2.IsSupported ? [new KernelCase(KernelCase.Bytes, 0)] : Array.Empty<KernelCase>(),
        .. Enum.GetNames<TileFormat>().SelectMany(format => Batches.Select(batch => new KernelCase(format, batch))),
    ];

    /// <summary>What is measured.</summary>
    [ParamsSource(nameof(Cases))]
    public KernelCase Case { get; set; } = new("", 0);

    /// <summary>Makes the matrices.</summary>
    [GlobalSetup]
    public void Setup() => _work = Case.Name switch
    {
        KernelCase.Memory => () => MachineLimits.ReadMemory(_workers),
        KernelCase.Floats => () => MachineLimits.MultiplyFloats(_workers),
        KernelCase.Bytes => () => MachineLimits.MultiplyBytes(_workers),
        _ => Products(Enum.Parse<TileFormat>(Case.Name), Case.Batch),
    };

    /// <summary>Does it once.</summary>
    [Benchmark]
    public void Run() => _work();

    /// <summary>Ends the threads.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _workers.Dispose();
        GC.SuppressFinalize(this);
    }

    private Action Products(TileFormat format, int batch)
    {
        Compute compute = new(KernelPaths.Best, _workers);
        byte[] numbers = MemoryMarshal.AsBytes<float>(Numbers(Rows * Columns)).ToArray();
        StoredTensor stored = new(new TensorMemory("random", numbers), "w", TensorType.F32, [Rows, Columns], 0, numbers.Length);
        TiledMatrix[] matrices = [.. Enumerable.Range(0, Count(batch)).Select(_ => TiledMatrix.Of(format, [stored], compute))];
        float[] input = Numbers(batch * Columns), output = new float[batch * Rows];
        return () =>
        {
            foreach (TiledMatrix matrix in matrices)
                matrix.Multiply(input, batch, output, compute);
        };
    }

    // A large batch takes long enough with fewer.
    private static int Count(int batch) => Math.Max(4, Matrices / Math.Max(1, batch / 4));

    private static float[] Numbers(int count)
    {
        Random random = new(1);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
    }

    private static (double Bytes, double Operations) AmountOf(KernelCase work)
    {
        using WorkerPool workers = new(Environment.ProcessorCount);
        return work.Name switch
        {
            KernelCase.Memory => (MachineLimits.MemoryBytes, 0),
            KernelCase.Floats => (0, MachineLimits.FloatOperations(workers)),
            KernelCase.Bytes => (0, MachineLimits.ByteOperations(workers)),
            _ => (Count(work.Batch) * (double)TileLayout.Bytes(Enum.Parse<TileFormat>(work.Name), Rows, Columns), 2.0 * Count(work.Batch) * work.Batch * Rows * Columns),
        };
    }

    private sealed class Rates : ManualConfig
    {
        public Rates()
        {
            // In this process: a generated project looks for one that is named as the assembly is.
            AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(2).WithIterationCount(7));
            AddColumn(
                new RateColumn("GB/s", amount => amount.Bytes, null), new RateColumn("of memory", amount => amount.Bytes, KernelCase.Memory),
                new RateColumn("GOP/s", amount => amount.Operations, null), new RateColumn("of bytes", amount => amount.Operations, KernelCase.Bytes));
        }
    }

    /// <summary>A rate, or which part it is of a limit that was measured in the same run.</summary>
    private sealed class RateColumn(string name, Func<(double Bytes, double Operations), double> amount, string? limit) : IColumn
    {
        public string Id => name;

        public string ColumnName => name;

        public bool AlwaysShow => true;

        public ColumnCategory Category => ColumnCategory.Custom;

        public int PriorityInCategory => 0;

        public bool IsNumeric => true;

        public UnitType UnitType => UnitType.Dimensionless;

        public string Legend => limit is null ? $"{name} at the median" : $"share of '{limit}'";

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
        {
            double? rate = RateOf(summary, benchmarkCase);
            double? whole = limit is null ? 1 : summary.BenchmarksCases.Where(other => WorkOf(other).Name == limit).Select(other => RateOf(summary, other)).FirstOrDefault();
            return rate is > 0 && whole is > 0 ? (rate.Value / whole.Value).ToString("0.00", CultureInfo.InvariantCulture) : "-";
        }

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

        public bool IsAvailable(Summary summary) => true;

        public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

        private static KernelCase WorkOf(BenchmarkCase benchmarkCase) => (KernelCase)benchmarkCase.Parameters[nameof(Case)];

        // BenchmarkDotNet counts in nanoseconds: amounts in them are billions in a second.
        private double? RateOf(Summary summary, BenchmarkCase benchmarkCase) => amount(AmountOf(WorkOf(benchmarkCase))) / summary[benchmarkCase]?.ResultStatistics?.Median;
    }
}
