using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using LlmService.Inference.Kernels;

namespace LlmService.Benchmarks;

/// <summary>What the machine can do at the moment: neighbours on a shared host change it within minutes.</summary>
/// <param name="ReadGigabytes">GB/s that all threads read from memory together.</param>
/// <param name="FloatGigaflops">GFLOP/s of fused multiply-add in registers.</param>
/// <param name="ByteGigaops">GOP/s of products of bytes summed pairwise, without VNNI; null without AVX2.</param>
internal sealed record MachineLimits(double ReadGigabytes, double FloatGigaflops, double? ByteGigaops)
{
    private const int Rounds = 5, FloatSteps = 20_000_000, ByteSteps = 20_000_000;
    private static readonly long[] Memory = MakeMemory();

    // What the loops compute is kept, so that they are not left out.
    public static long Sink { get; private set; }

    /// <summary>The processor and the instruction sets that matter here.</summary>
    public static string Processor
    {
        get
        {
            const string File = "/proc/cpuinfo";
            string name = System.IO.File.Exists(File)
                ? System.IO.File.ReadLines(File).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[^1].Trim() ?? ""
                : "";
            (string Name, bool Has)[] sets =
            [
                ("AVX2", Avx2.IsSupported), ("FMA", Fma.IsSupported), ("AVX-512BW", Avx512BW.IsSupported), ("AVX-512VBMI", Avx512Vbmi.IsSupported),
                ("AVX-VNNI", AvxVnni.IsSupported), ("AdvSimd dot product", System.Runtime.Intrinsics.Arm.Dp.IsSupported),
            ];
            return $"{(name.Length > 0 ? name : RuntimeInformation.ProcessArchitecture)}, {Environment.ProcessorCount} cores, {string.Join(", ", sets.Where(set => set.Has).Select(set => set.Name))}";
        }
    }

    public static MachineLimits Measure(WorkerPool workers) =>
        new(MemoryBytes / Median(() => ReadMemory(workers)) / 1e9, FloatOperations(workers) / Median(() => MultiplyFloats(workers)) / 1e9,
            Avx2.IsSupported ? ByteOperations(workers) / Median(() => MultiplyBytes(workers)) / 1e9 : null);

    /// <summary>What <see cref="ReadMemory"/> reads.</summary>
    public static long MemoryBytes => 8L * Memory.Length;

    /// <summary>What <see cref="MultiplyFloats"/> computes.</summary>
    public static double FloatOperations(WorkerPool workers) => FloatSteps * 8.0 * (Avx512F.IsSupported ? Avx512Floats.Count : Avx2.IsSupported ? Avx2Floats.Count : Vector128Floats.Count) * 2 * workers.ThreadCount;

    /// <summary>What <see cref="MultiplyBytes"/> computes.</summary>
    public static double ByteOperations(WorkerPool workers) => ByteSteps * 6.0 * 4 * (Avx512BW.IsSupported ? Avx512Lanes.Rows : Avx2Lanes.Rows) * 2 * workers.ThreadCount;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"memory {ReadGigabytes:0.0} GB/s, floats {FloatGigaflops:0} GFLOP/s, bytes {(ByteGigaops is { } bytes ? bytes.ToString("0", CultureInfo.InvariantCulture) + " GOP/s" : "not measured")}");

    public static void ReadMemory(WorkerPool workers) =>
        workers.Run(workers.ThreadCount, part =>
        {
            Span<long> mine = Memory.AsSpan(Memory.Length / workers.ThreadCount * part, Memory.Length / workers.ThreadCount);
            Vector512<long> a = default, b = default, c = default, d = default;
            ref long start = ref MemoryMarshal.GetReference(mine);
            for (nuint i = 0; i + 32 <= (nuint)mine.Length; i += 32)
            {
                for (nuint line = 0; line < 32; line += 8)
                    CacheLines.Prefetch(ref Unsafe.Add(ref start, i + line + TileLayout.AheadBytes / sizeof(long)));
                a ^= Vector512.LoadUnsafe(ref start, i);
                b ^= Vector512.LoadUnsafe(ref start, i + 8);
                c ^= Vector512.LoadUnsafe(ref start, i + 16);
                d ^= Vector512.LoadUnsafe(ref start, i + 24);
            }
            Sink = Vector512.Sum(a ^ b ^ c ^ d);
        });

    public static void MultiplyFloats(WorkerPool workers) =>
        workers.Run(workers.ThreadCount, _ =>
        {
            if (Avx512F.IsSupported)
                MultiplyFloats<Avx512Floats, Vector512<float>>();
            else if (Avx2.IsSupported)
                MultiplyFloats<Avx2Floats, Vector256<float>>();
            else
                MultiplyFloats<Vector128Floats, Vector128<float>>();
        });

    public static void MultiplyBytes(WorkerPool workers) =>
        workers.Run(workers.ThreadCount, _ =>
        {
            if (Avx512BW.IsSupported)
                MultiplyBytes<Avx512Lanes, Vector512<short>, Vector512<byte>, Vector512<int>, Vector512<float>>();
            else
                MultiplyBytes<Avx2Lanes, Vector256<short>, Vector256<byte>, Vector256<int>, Vector256<float>>();
        });

    private static void MultiplyFloats<TLanes, TVector>()
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector factor = TLanes.Create(0.999f), a = factor, b = factor, c = factor, d = factor, e = factor, f = factor, g = factor, h = factor;
        for (int i = 0; i < FloatSteps; i++)
        {
            a = TLanes.MultiplyAdd(a, factor, factor);
            b = TLanes.MultiplyAdd(b, factor, factor);
            c = TLanes.MultiplyAdd(c, factor, factor);
            d = TLanes.MultiplyAdd(d, factor, factor);
            e = TLanes.MultiplyAdd(e, factor, factor);
            f = TLanes.MultiplyAdd(f, factor, factor);
            g = TLanes.MultiplyAdd(g, factor, factor);
            h = TLanes.MultiplyAdd(h, factor, factor);
        }
        Sink = (long)TLanes.Sum(TLanes.Add(TLanes.Add(TLanes.Add(a, b), TLanes.Add(c, d)), TLanes.Add(TLanes.Add(e, f), TLanes.Add(g, h))));
    }

    // maddubs, madd, add: four products a row with their sums. The input changes with every step, or the products would be made once.
    private static void MultiplyBytes<TLanes, TShorts, TBytes, TInts, TFloats>()
        where TLanes : struct, ILanes<TShorts, TBytes, TInts, TFloats>
        where TInts : struct
    {
        const int inputs = 8;
        byte[] input = new byte[inputs * 4 * TLanes.Rows];
        TInts a = default, b = default, c = default, d = default, e = default, f = default;
        for (int i = 0; i < ByteSteps; i++)
        {
            TBytes bytes = TLanes.Load(ref input[i % inputs * 4 * TLanes.Rows]);
            a = TLanes.AddPairs(a, TLanes.Products(bytes, 1));
            b = TLanes.AddPairs(b, TLanes.Products(bytes, 2));
            c = TLanes.AddPairs(c, TLanes.Products(bytes, 3));
            d = TLanes.AddPairs(d, TLanes.Products(bytes, 4));
            e = TLanes.AddPairs(e, TLanes.Products(bytes, 5));
            f = TLanes.AddPairs(f, TLanes.Products(bytes, 6));
        }
        TInts sum = TLanes.Add(TLanes.Add(TLanes.Add(a, b), TLanes.Add(c, d)), TLanes.Add(e, f));
        Sink = sum.GetHashCode();
    }

    private static long[] MakeMemory()
    {
        long[] memory = new long[(256 << 20) / 8];
        memory.AsSpan().Fill(1);
        return memory;
    }

    private static double Median(Action work)
    {
        work();
        double[] all = [.. Enumerable.Range(0, Rounds).Select(_ =>
        {
            long started = Stopwatch.GetTimestamp();
            work();
            return Stopwatch.GetElapsedTime(started).TotalSeconds;
        }).Order()];
        return all[Rounds / 2];
    }
}
