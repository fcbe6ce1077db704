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
    public static double FloatOperations(WorkerPool workers) => FloatSteps * 8.0 * (Avx512F.IsSupported ? 16 : 8) * 2 * workers.ThreadCount;

    /// <summary>What <see cref="MultiplyBytes"/> computes.</summary>
    public static double ByteOperations(WorkerPool workers) => ByteSteps * 6.0 * (Avx512BW.IsSupported ? 64 : 32) * 2 * workers.ThreadCount;

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
                    CacheLines.Prefetch(ref Unsafe.Add(ref start, i + line + TileLayout.PrefetchBytes / sizeof(long)));
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
            {
                MultiplyWideFloats();
                return;
            }
            Vector256<float> factor = Vector256.Create(0.999f), a = factor, b = factor, c = factor, d = factor, e = factor, f = factor, g = factor, h = factor;
            for (int i = 0; i < FloatSteps; i++)
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
        });

    // maddubs, madd, add: 32 products with their sums. The input changes with every step, or the products would be made once.
    public static void MultiplyBytes(WorkerPool workers) =>
        workers.Run(workers.ThreadCount, _ =>
        {
            if (Avx512BW.IsSupported)
            {
                MultiplyWideBytes();
                return;
            }
            Vector256<byte> input = default;
            Vector256<sbyte> p = Vector256.Create((sbyte)1), q = p + p, r = p + q, s = p + r, t = p + s, u = p + t;
            Vector256<short> ones = Vector256<short>.One;
            Vector256<int> a = default, b = default, c = default, d = default, e = default, f = default;
            for (int i = 0; i < ByteSteps; i++)
            {
                input += Vector256<byte>.One;
                a += Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(input, p), ones);
                b += Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(input, q), ones);
                c += Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(input, r), ones);
                d += Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(input, s), ones);
                e += Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(input, t), ones);
                f += Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(input, u), ones);
            }
            Sink = Vector256.Sum(a + b + c + d + e + f);
        });

    private static void MultiplyWideFloats()
    {
        Vector512<float> factor = Vector512.Create(0.999f), a = factor, b = factor, c = factor, d = factor, e = factor, f = factor, g = factor, h = factor;
        for (int i = 0; i < FloatSteps; i++)
        {
            a = Vector512.FusedMultiplyAdd(a, factor, factor);
            b = Vector512.FusedMultiplyAdd(b, factor, factor);
            c = Vector512.FusedMultiplyAdd(c, factor, factor);
            d = Vector512.FusedMultiplyAdd(d, factor, factor);
            e = Vector512.FusedMultiplyAdd(e, factor, factor);
            f = Vector512.FusedMultiplyAdd(f, factor, factor);
            g = Vector512.FusedMultiplyAdd(g, factor, factor);
            h = Vector512.FusedMultiplyAdd(h, factor, factor);
        }
        Sink = (long)Vector512.Sum(a + b + c + d + e + f + g + h);
    }

    private static void MultiplyWideBytes()
    {
        Vector512<byte> input = default;
        Vector512<sbyte> p = Vector512.Create((sbyte)1), q = p + p, r = p + q, s = p + r, t = p + s, u = p + t;
        Vector512<short> ones = Vector512<short>.One;
        Vector512<int> a = default, b = default, c = default, d = default, e = default, f = default;
        for (int i = 0; i < ByteSteps; i++)
        {
            input += Vector512<byte>.One;
            a += Avx512BW.MultiplyAddAdjacent(Avx512BW.MultiplyAddAdjacent(input, p), ones);
            b += Avx512BW.MultiplyAddAdjacent(Avx512BW.MultiplyAddAdjacent(input, q), ones);
            c += Avx512BW.MultiplyAddAdjacent(Avx512BW.MultiplyAddAdjacent(input, r), ones);
            d += Avx512BW.MultiplyAddAdjacent(Avx512BW.MultiplyAddAdjacent(input, s), ones);
            e += Avx512BW.MultiplyAddAdjacent(Avx512BW.MultiplyAddAdjacent(input, t), ones);
            f += Avx512BW.MultiplyAddAdjacent(Avx512BW.MultiplyAddAdjacent(input, u), ones);
        }
        Sink = Vector512.Sum(a + b + c + d + e + f);
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
