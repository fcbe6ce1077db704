using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Benchmarks;

/// <summary>
/// <c>kernels [ROWS] [COLUMNS] [THREADS] [PATH]</c>: matrix products of every format and batch size, as GB/s of weights read and GOP/s, beside what the machine
/// reads from memory in the same run. The matrices of a pass do not fit the caches, as those of a model do not.
/// </summary>
internal static class KernelSpeed
{
    private const long WeightBytes = 192L << 20;
    private const int Rounds = 7;
    private static readonly int[] Batches = [1, 2, 4, 8, 16, 64, 256];

    public static int Run(string[] args)
    {
        int rows = Number(args, 0, 4864), columns = Number(args, 1, 896), threads = Number(args, 2, Environment.ProcessorCount);
        using WorkerPool workers = new(threads);
        KernelPath path = args.Length > 3 ? Enum.Parse<KernelPath>(args[3], ignoreCase: true) : KernelPaths.Best;
        Compute compute = new(path, workers);
        Console.WriteLine($"{path}, {threads} threads, matrices of {rows} x {columns}; medians of {Rounds} rounds");
        MachineLimits limits = MachineLimits.Measure(workers);
        Console.WriteLine($"{MachineLimits.Processor}: {limits}");
        foreach (TileFormat format in new[] { TileFormat.Q4, TileFormat.Q8 })
            Report(format.ToString(), TileLayout.Bytes(format, rows, columns), i => TiledMatrix.Of(format, [Random(rows, columns, i)], compute), compute, limits);
        Report("F32", (long)rows * columns * sizeof(float), i => new StoredMatrix(Random(rows, columns, i)), compute, limits);
        return 0;
    }

    private static void Report(string format, long bytes, Func<int, WeightMatrix> make, Compute compute, MachineLimits limits)
    {
        WeightMatrix[] matrices = [.. Enumerable.Range(0, (int)(WeightBytes / bytes) + 1).Select(make)];
        foreach (int batch in Batches)
            Report(format, bytes, matrices, batch, compute, limits);
    }

    private static void Report(string format, long matrixBytes, WeightMatrix[] matrices, int batch, Compute compute, MachineLimits limits)
    {
        int rows = matrices[0].Rows, columns = matrices[0].Columns;
        float[] input = Numbers(batch * columns, 1), output = new float[batch * rows];
        int count = Math.Max(1, matrices.Length / Math.Max(1, batch / 8));
        double seconds = Median(() => Time(() =>
        {
            for (int i = 0; i < count; i++)
                matrices[i].Multiply(input, batch, output, compute);
        }));
        double bytes = (double)count * matrixBytes, operations = 2.0 * count * batch * rows * columns;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{format,3} batch {batch,3}: {bytes / seconds / 1e9,6:0.0} GB/s ({bytes / seconds / 1e9 / limits.ReadGigabytes,4:0.00} of memory)  {operations / seconds / 1e9,7:0} GOP/s ({operations / seconds / 1e9 / (limits.ByteGigaops ?? double.NaN),4:0.00} of bytes)"));
    }

    private static StoredTensor Random(int rows, int columns, int seed)
    {
        byte[] bytes = MemoryMarshal.AsBytes<float>(Numbers(rows * columns, seed)).ToArray();
        return new StoredTensor(new TensorMemory("random", bytes), "w", TensorType.F32, [rows, columns], 0, bytes.Length);
    }

    private static double Time(Action action)
    {
        long started = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static double Median(Func<double> measure)
    {
        measure();
        double[] all = [.. Enumerable.Range(0, Rounds).Select(_ => measure()).Order()];
        return all[Rounds / 2];
    }

    private static float[] Numbers(int count, int seed)
    {
        Random random = new(seed);
        float[] numbers = new float[count];
        foreach (ref float number in numbers.AsSpan())
            number = random.NextSingle() * 2 - 1;
        return numbers;
    }

    private static int Number(string[] args, int index, int otherwise) => args.Length > index ? int.Parse(args[index], CultureInfo.InvariantCulture) : otherwise;
}
