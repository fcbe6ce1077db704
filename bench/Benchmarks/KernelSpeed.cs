using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
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
        double limit = Median(() => ReadMemory(workers));
        double arithmetic = Median(() => Fuse(workers));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"memory: {limit:0.0} GB/s; float multiply-add: {arithmetic:0} GFLOP/s"));
        foreach (TileFormat format in new[] { TileFormat.Q4, TileFormat.Q8 })
            Report(format.ToString(), TileLayout.Bytes(format, rows, columns), i => TiledMatrix.Of(format, [Random(rows, columns, i)], compute), compute, limit);
        Report("F32", (long)rows * columns * sizeof(float), i => new StoredMatrix(Random(rows, columns, i)), compute, limit);
        return 0;
    }

    private static void Report(string format, long bytes, Func<int, WeightMatrix> make, Compute compute, double limit)
    {
        WeightMatrix[] matrices = [.. Enumerable.Range(0, (int)(WeightBytes / bytes) + 1).Select(make)];
        foreach (int batch in Batches)
            Report(format, bytes, matrices, batch, compute, limit);
    }

    private static void Report(string format, long matrixBytes, WeightMatrix[] matrices, int batch, Compute compute, double limit)
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
            $"{format,3} batch {batch,3}: {bytes / seconds / 1e9,6:0.0} GB/s ({bytes / seconds / 1e9 / limit,4:0.00} of memory)  {operations / seconds / 1e9,7:0} GOP/s"));
    }

    private static StoredTensor Random(int rows, int columns, int seed)
    {
        byte[] bytes = MemoryMarshal.AsBytes<float>(Numbers(rows * columns, seed)).ToArray();
        return new StoredTensor(new TensorMemory("random", bytes), "w", TensorType.F32, [rows, columns], 0, bytes.Length);
    }

    private static double ReadMemory(WorkerPool workers)
    {
        long[] memory = Memory;
        double seconds = Time(() => workers.Run(workers.ThreadCount, part =>
        {
            Span<long> mine = memory.AsSpan(memory.Length / workers.ThreadCount * part, memory.Length / workers.ThreadCount);
            Vector512<long> a = default, b = default, c = default, d = default;
            ref long start = ref MemoryMarshal.GetReference(mine);
            for (nuint i = 0; i + 32 <= (nuint)mine.Length; i += 32)
            {
                a ^= Vector512.LoadUnsafe(ref start, i);
                b ^= Vector512.LoadUnsafe(ref start, i + 8);
                c ^= Vector512.LoadUnsafe(ref start, i + 16);
                d ^= Vector512.LoadUnsafe(ref start, i + 24);
            }
            Sink = Vector512.Sum(a ^ b ^ c ^ d);
        }));
        return memory.Length * 8.0 / seconds / 1e9;
    }

    /// <summary>What the machine can multiply and add in floats, in registers.</summary>
    private static double Fuse(WorkerPool workers)
    {
        const int steps = 20_000_000;
        double seconds = Time(() => workers.Run(workers.ThreadCount, _ =>
        {
            Vector256<float> factor = Vector256.Create(0.999f), a = factor, b = factor, c = factor, d = factor, e = factor, f = factor, g = factor, h = factor;
            for (int i = 0; i < steps; i++)
            {
                a = Vector256.FusedMultiplyAdd(a, factor, factor);
                b = Vector256.FusedMultiplyAdd(b, factor, factor);
                c = Vector256.FusedMultiplyAdd(c, factor, factor);
                d = Vector256.FusedMultiplyAdd(d, factor, factor);
                e = Vector256.FusedMultiplyAdd(e, factor, factor);
                f = Vector256.FusedMultiplyAdd(f, factor, factor);
                g = Vector256.FusedMultiplyAdd(g, factor, factor);
                h = Vector256.FusedMultiplyAdd(h, factor, factor);
            }
            Sink = (long)Vector256.Sum(a + b + c + d + e + f + g + h);
        }));
        return (double)steps * 8 * 8 * 2 * workers.ThreadCount / seconds / 1e9;
    }

    private static readonly long[] Memory = MakeMemory();

    // What loops compute is kept, so that they are not left out.
    public static long Sink { get; private set; }

    private static long[] MakeMemory()
    {
        long[] memory = new long[(256 << 20) / 8];
        memory.AsSpan().Fill(1);
        return memory;
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
