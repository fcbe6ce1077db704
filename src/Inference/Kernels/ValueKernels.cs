using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LlmService.Inference.Kernels;

/// <summary>Weighted sums of values.</summary>
internal static class ValueKernels
{
    private const int MostLanes = 16;

    /// <summary>Sums of the values of a head, weighted for some queries.</summary>
    /// <param name="path">Which implementation.</param>
    /// <param name="head">The values.</param>
    /// <param name="weights">[slots, width].</param>
    /// <param name="slots">As many rows of weights.</param>
    /// <param name="output">Receives [slots, size].</param>
    public static void Gather(KernelPath path, in KeyValueHead head, ReadOnlySpan<float> weights, int slots, Span<float> output)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: Gather<Avx512Floats, Vector512<float>>(head, weights, slots, output); break;
            case KernelPath.Avx2: Gather<Avx2Floats, Vector256<float>>(head, weights, slots, output); break;
            case KernelPath.Vector128: Gather<Vector128Floats, Vector128<float>>(head, weights, slots, output); break;
            case KernelPath.Scalar: Gather<ScalarFloats, float>(head, weights, slots, output); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
    }

    private static void Gather<TLanes, TVector>(in KeyValueHead head, ReadOnlySpan<float> weights, int slots, Span<float> output)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        if (head.View.IsHalf)
            Gather<Halves<TLanes, TVector>, Halves<ScalarFloats, float>, uint, TLanes, TVector>(head, weights, slots, output);
        else
            Gather<Singles<TLanes, TVector>, Singles<ScalarFloats, float>, float, TLanes, TVector>(head, weights, slots, output);
    }

    private static void Gather<TNumbers, TScalars, TNumber, TLanes, TVector>(
        in KeyValueHead head, ReadOnlySpan<float> weights, int slots, Span<float> output)
        where TNumbers : struct, IKeyValueNumbers<TNumber, TVector>
        where TScalars : struct, IKeyValueNumbers<TNumber, float>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        ref float w = ref MemoryMarshal.GetReference(weights[..(slots * head.Width)]);
        Span<float> sums = stackalloc float[2 * AttentionKernels.Together * MostLanes];
        ref float to = ref MemoryMarshal.GetReference(sums);
        // Sixteen registers hold the sums of eight queries by one vector, 32 those by two.
        int vectors = slots == 1 ? 4 : slots < AttentionKernels.Together || TLanes.Count == MostLanes ? 2 : 1, d = 0;
        for (; d + vectors * TLanes.Count <= head.Size; d += vectors * TLanes.Count)
        {
            switch (slots, vectors)
            {
                case (1, _): SumOneByFour<TNumbers, TNumber, TLanes, TVector>(head, d, ref w, ref to); break;
                case (AttentionKernels.Together, 2): SumEightByTwo<TNumbers, TNumber, TLanes, TVector>(head, d, ref w, ref to); break;
                case (AttentionKernels.Together, _): SumEight<TNumbers, TNumber, TLanes, TVector>(head, d, ref w, ref to); break;
                default: SumFourByTwo<TNumbers, TNumber, TLanes, TVector>(head, d, ref w, ref to); break;
            }
            Put(sums, vectors * TLanes.Count, d, slots, head.Size, output);
        }
        // Head sizes that are no multiple of that.
        for (; d + TLanes.Count <= head.Size; d += TLanes.Count)
        {
            for (int i = 0; i < slots; i++)
                SumOne<TNumbers, TNumber, TLanes, TVector>(head, d, ref Unsafe.Add(ref w, i * head.Width), ref Unsafe.Add(ref to, i * TLanes.Count));
            Put(sums, TLanes.Count, d, slots, head.Size, output);
        }
        for (; d < head.Size; d++)
        {
            for (int i = 0; i < slots; i++)
                SumOne<TScalars, TNumber, ScalarFloats, float>(head, d, ref Unsafe.Add(ref w, i * head.Width), ref Unsafe.Add(ref to, i));
            Put(sums, 1, d, slots, head.Size, output);
        }
    }

    // Sums of columns over all positions, weighted for some queries, whose weights lie a width apart; what they write is [queries, vectors]. Values are checked for each block.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumOne<TNumbers, TNumber, TLanes, TVector>(in KeyValueHead head, int column, ref float weights, ref float sums)
        where TNumbers : struct, IKeyValueNumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector a0 = default;
        nint stride = head.Size;
        for (int position = head.First; position <= head.Last;)
        {
            ref TNumber values = ref head.Values<TNumber>(position, column, TLanes.Count, out int count);
            ref float weight = ref Unsafe.Add(ref weights, position - head.Start);
            for (int i = 0; i < count; i += TNumbers.Together)
            {
                TVector a = TNumbers.First(ref values, 0);
                a0 = TLanes.MultiplyAdd(a, weight, a0);
                if (TNumbers.Together == 2)
                {
                    weight = ref Unsafe.Add(ref weight, 1);
                    a = TNumbers.Second(ref values, 0);
                    a0 = TLanes.MultiplyAdd(a, weight, a0);
                }
                values = ref Unsafe.Add(ref values, stride);
                weight = ref Unsafe.Add(ref weight, 1);
            }
            position += count;
        }
        TLanes.Store(a0, ref sums, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumOneByFour<TNumbers, TNumber, TLanes, TVector>(in KeyValueHead head, int column, ref float weights, ref float sums)
        where TNumbers : struct, IKeyValueNumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector a0 = default;
        TVector b0 = default;
        TVector c0 = default;
        TVector d0 = default;
        nint stride = head.Size;
        for (int position = head.First; position <= head.Last;)
        {
            ref TNumber values = ref head.Values<TNumber>(position, column, 4 * TLanes.Count, out int count);
            ref TNumber next = ref head.Values<TNumber>(Math.Min(position + count, head.Last), column, 4 * TLanes.Count, out _);
            ref float weight = ref Unsafe.Add(ref weights, position - head.Start);
            for (int i = 0; i < count; i += TNumbers.Together)
            {
                CacheLines.Prefetch(ref next);
                CacheLines.Prefetch(ref Unsafe.Add(ref next, TLanes.Count));
                CacheLines.Prefetch(ref Unsafe.Add(ref next, 2 * TLanes.Count));
                CacheLines.Prefetch(ref Unsafe.Add(ref next, 3 * TLanes.Count));
                next = ref Unsafe.Add(ref next, stride);
                TVector a = TNumbers.First(ref values, 0);
                TVector b = TNumbers.First(ref values, TLanes.Count);
                TVector c = TNumbers.First(ref values, 2 * TLanes.Count);
                TVector d = TNumbers.First(ref values, 3 * TLanes.Count);
                a0 = TLanes.MultiplyAdd(a, weight, a0);
                b0 = TLanes.MultiplyAdd(b, weight, b0);
                c0 = TLanes.MultiplyAdd(c, weight, c0);
                d0 = TLanes.MultiplyAdd(d, weight, d0);
                if (TNumbers.Together == 2)
                {
                    weight = ref Unsafe.Add(ref weight, 1);
                    a = TNumbers.Second(ref values, 0);
                    b = TNumbers.Second(ref values, TLanes.Count);
                    c = TNumbers.Second(ref values, 2 * TLanes.Count);
                    d = TNumbers.Second(ref values, 3 * TLanes.Count);
                    a0 = TLanes.MultiplyAdd(a, weight, a0);
                    b0 = TLanes.MultiplyAdd(b, weight, b0);
                    c0 = TLanes.MultiplyAdd(c, weight, c0);
                    d0 = TLanes.MultiplyAdd(d, weight, d0);
                }
                values = ref Unsafe.Add(ref values, stride);
                weight = ref Unsafe.Add(ref weight, 1);
            }
            position += count;
        }
        TLanes.Store(a0, ref sums, 0);
        TLanes.Store(b0, ref sums, TLanes.Count);
        TLanes.Store(c0, ref sums, 2 * TLanes.Count);
        TLanes.Store(d0, ref sums, 3 * TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumFourByTwo<TNumbers, TNumber, TLanes, TVector>(in KeyValueHead head, int column, ref float weights, ref float sums)
        where TNumbers : struct, IKeyValueNumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector a0 = default, a1 = default, a2 = default, a3 = default;
        TVector b0 = default, b1 = default, b2 = default, b3 = default;
        nint width = head.Width, stride = head.Size;
        for (int position = head.First; position <= head.Last;)
        {
            ref TNumber values = ref head.Values<TNumber>(position, column, 2 * TLanes.Count, out int count);
            ref TNumber next = ref head.Values<TNumber>(Math.Min(position + count, head.Last), column, 2 * TLanes.Count, out _);
            ref float weight = ref Unsafe.Add(ref weights, position - head.Start);
            for (int i = 0; i < count; i += TNumbers.Together)
            {
                CacheLines.Prefetch(ref next);
                CacheLines.Prefetch(ref Unsafe.Add(ref next, TLanes.Count));
                next = ref Unsafe.Add(ref next, stride);
                TVector a = TNumbers.First(ref values, 0);
                TVector b = TNumbers.First(ref values, TLanes.Count);
                a0 = TLanes.MultiplyAdd(a, weight, a0);
                b0 = TLanes.MultiplyAdd(b, weight, b0);
                float w1 = Unsafe.Add(ref weight, width);
                a1 = TLanes.MultiplyAdd(a, w1, a1);
                b1 = TLanes.MultiplyAdd(b, w1, b1);
                float w2 = Unsafe.Add(ref weight, 2 * width);
                a2 = TLanes.MultiplyAdd(a, w2, a2);
                b2 = TLanes.MultiplyAdd(b, w2, b2);
                float w3 = Unsafe.Add(ref weight, 3 * width);
                a3 = TLanes.MultiplyAdd(a, w3, a3);
                b3 = TLanes.MultiplyAdd(b, w3, b3);
                if (TNumbers.Together == 2)
                {
                    weight = ref Unsafe.Add(ref weight, 1);
                    a = TNumbers.Second(ref values, 0);
                    b = TNumbers.Second(ref values, TLanes.Count);
                    a0 = TLanes.MultiplyAdd(a, weight, a0);
                    b0 = TLanes.MultiplyAdd(b, weight, b0);
                    w1 = Unsafe.Add(ref weight, width);
                    a1 = TLanes.MultiplyAdd(a, w1, a1);
                    b1 = TLanes.MultiplyAdd(b, w1, b1);
                    w2 = Unsafe.Add(ref weight, 2 * width);
                    a2 = TLanes.MultiplyAdd(a, w2, a2);
                    b2 = TLanes.MultiplyAdd(b, w2, b2);
                    w3 = Unsafe.Add(ref weight, 3 * width);
                    a3 = TLanes.MultiplyAdd(a, w3, a3);
                    b3 = TLanes.MultiplyAdd(b, w3, b3);
                }
                values = ref Unsafe.Add(ref values, stride);
                weight = ref Unsafe.Add(ref weight, 1);
            }
            position += count;
        }
        TLanes.Store(a0, ref sums, 0);
        TLanes.Store(b0, ref sums, TLanes.Count);
        TLanes.Store(a1, ref sums, 2 * TLanes.Count);
        TLanes.Store(b1, ref sums, 3 * TLanes.Count);
        TLanes.Store(a2, ref sums, 4 * TLanes.Count);
        TLanes.Store(b2, ref sums, 5 * TLanes.Count);
        TLanes.Store(a3, ref sums, 6 * TLanes.Count);
        TLanes.Store(b3, ref sums, 7 * TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumEight<TNumbers, TNumber, TLanes, TVector>(in KeyValueHead head, int column, ref float weights, ref float sums)
        where TNumbers : struct, IKeyValueNumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
        nint width = head.Width, stride = head.Size;
        for (int position = head.First; position <= head.Last;)
        {
            ref TNumber values = ref head.Values<TNumber>(position, column, TLanes.Count, out int count);
            ref TNumber next = ref head.Values<TNumber>(Math.Min(position + count, head.Last), column, TLanes.Count, out _);
            ref float weight = ref Unsafe.Add(ref weights, position - head.Start);
            for (int i = 0; i < count; i += TNumbers.Together)
            {
                CacheLines.Prefetch(ref next);
                next = ref Unsafe.Add(ref next, stride);
                TVector a = TNumbers.First(ref values, 0);
                a0 = TLanes.MultiplyAdd(a, weight, a0);
                a1 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, width), a1);
                a2 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 2 * width), a2);
                a3 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 3 * width), a3);
                a4 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 4 * width), a4);
                a5 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 5 * width), a5);
                a6 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 6 * width), a6);
                a7 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 7 * width), a7);
                if (TNumbers.Together == 2)
                {
                    weight = ref Unsafe.Add(ref weight, 1);
                    a = TNumbers.Second(ref values, 0);
                    a0 = TLanes.MultiplyAdd(a, weight, a0);
                    a1 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, width), a1);
                    a2 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 2 * width), a2);
                    a3 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 3 * width), a3);
                    a4 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 4 * width), a4);
                    a5 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 5 * width), a5);
                    a6 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 6 * width), a6);
                    a7 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 7 * width), a7);
                }
                values = ref Unsafe.Add(ref values, stride);
                weight = ref Unsafe.Add(ref weight, 1);
            }
            position += count;
        }
        TLanes.Store(a0, ref sums, 0);
        TLanes.Store(a1, ref sums, TLanes.Count);
        TLanes.Store(a2, ref sums, 2 * TLanes.Count);
        TLanes.Store(a3, ref sums, 3 * TLanes.Count);
        TLanes.Store(a4, ref sums, 4 * TLanes.Count);
        TLanes.Store(a5, ref sums, 5 * TLanes.Count);
        TLanes.Store(a6, ref sums, 6 * TLanes.Count);
        TLanes.Store(a7, ref sums, 7 * TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumEightByTwo<TNumbers, TNumber, TLanes, TVector>(in KeyValueHead head, int column, ref float weights, ref float sums)
        where TNumbers : struct, IKeyValueNumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
        TVector b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default, b6 = default, b7 = default;
        nint width = head.Width, stride = head.Size;
        for (int position = head.First; position <= head.Last;)
        {
            ref TNumber values = ref head.Values<TNumber>(position, column, 2 * TLanes.Count, out int count);
            ref TNumber next = ref head.Values<TNumber>(Math.Min(position + count, head.Last), column, 2 * TLanes.Count, out _);
            ref float weight = ref Unsafe.Add(ref weights, position - head.Start);
            for (int i = 0; i < count; i += TNumbers.Together)
            {
                CacheLines.Prefetch(ref next);
                CacheLines.Prefetch(ref Unsafe.Add(ref next, TLanes.Count));
                next = ref Unsafe.Add(ref next, stride);
                TVector a = TNumbers.First(ref values, 0);
                TVector b = TNumbers.First(ref values, TLanes.Count);
                a0 = TLanes.MultiplyAdd(a, weight, a0);
                b0 = TLanes.MultiplyAdd(b, weight, b0);
                float w1 = Unsafe.Add(ref weight, width);
                a1 = TLanes.MultiplyAdd(a, w1, a1);
                b1 = TLanes.MultiplyAdd(b, w1, b1);
                float w2 = Unsafe.Add(ref weight, 2 * width);
                a2 = TLanes.MultiplyAdd(a, w2, a2);
                b2 = TLanes.MultiplyAdd(b, w2, b2);
                float w3 = Unsafe.Add(ref weight, 3 * width);
                a3 = TLanes.MultiplyAdd(a, w3, a3);
                b3 = TLanes.MultiplyAdd(b, w3, b3);
                float w4 = Unsafe.Add(ref weight, 4 * width);
                a4 = TLanes.MultiplyAdd(a, w4, a4);
                b4 = TLanes.MultiplyAdd(b, w4, b4);
                float w5 = Unsafe.Add(ref weight, 5 * width);
                a5 = TLanes.MultiplyAdd(a, w5, a5);
                b5 = TLanes.MultiplyAdd(b, w5, b5);
                float w6 = Unsafe.Add(ref weight, 6 * width);
                a6 = TLanes.MultiplyAdd(a, w6, a6);
                b6 = TLanes.MultiplyAdd(b, w6, b6);
                float w7 = Unsafe.Add(ref weight, 7 * width);
                a7 = TLanes.MultiplyAdd(a, w7, a7);
                b7 = TLanes.MultiplyAdd(b, w7, b7);
                if (TNumbers.Together == 2)
                {
                    weight = ref Unsafe.Add(ref weight, 1);
                    a = TNumbers.Second(ref values, 0);
                    b = TNumbers.Second(ref values, TLanes.Count);
                    a0 = TLanes.MultiplyAdd(a, weight, a0);
                    b0 = TLanes.MultiplyAdd(b, weight, b0);
                    w1 = Unsafe.Add(ref weight, width);
                    a1 = TLanes.MultiplyAdd(a, w1, a1);
                    b1 = TLanes.MultiplyAdd(b, w1, b1);
                    w2 = Unsafe.Add(ref weight, 2 * width);
                    a2 = TLanes.MultiplyAdd(a, w2, a2);
                    b2 = TLanes.MultiplyAdd(b, w2, b2);
                    w3 = Unsafe.Add(ref weight, 3 * width);
                    a3 = TLanes.MultiplyAdd(a, w3, a3);
                    b3 = TLanes.MultiplyAdd(b, w3, b3);
                    w4 = Unsafe.Add(ref weight, 4 * width);
                    a4 = TLanes.MultiplyAdd(a, w4, a4);
                    b4 = TLanes.MultiplyAdd(b, w4, b4);
                    w5 = Unsafe.Add(ref weight, 5 * width);
                    a5 = TLanes.MultiplyAdd(a, w5, a5);
                    b5 = TLanes.MultiplyAdd(b, w5, b5);
                    w6 = Unsafe.Add(ref weight, 6 * width);
                    a6 = TLanes.MultiplyAdd(a, w6, a6);
                    b6 = TLanes.MultiplyAdd(b, w6, b6);
                    w7 = Unsafe.Add(ref weight, 7 * width);
                    a7 = TLanes.MultiplyAdd(a, w7, a7);
                    b7 = TLanes.MultiplyAdd(b, w7, b7);
                }
                values = ref Unsafe.Add(ref values, stride);
                weight = ref Unsafe.Add(ref weight, 1);
            }
            position += count;
        }
        TLanes.Store(a0, ref sums, 0);
        TLanes.Store(b0, ref sums, TLanes.Count);
        TLanes.Store(a1, ref sums, 2 * TLanes.Count);
        TLanes.Store(b1, ref sums, 3 * TLanes.Count);
        TLanes.Store(a2, ref sums, 4 * TLanes.Count);
        TLanes.Store(b2, ref sums, 5 * TLanes.Count);
        TLanes.Store(a3, ref sums, 6 * TLanes.Count);
        TLanes.Store(b3, ref sums, 7 * TLanes.Count);
        TLanes.Store(a4, ref sums, 8 * TLanes.Count);
        TLanes.Store(b4, ref sums, 9 * TLanes.Count);
        TLanes.Store(a5, ref sums, 10 * TLanes.Count);
        TLanes.Store(b5, ref sums, 11 * TLanes.Count);
        TLanes.Store(a6, ref sums, 12 * TLanes.Count);
        TLanes.Store(b6, ref sums, 13 * TLanes.Count);
        TLanes.Store(a7, ref sums, 14 * TLanes.Count);
        TLanes.Store(b7, ref sums, 15 * TLanes.Count);
    }

    private static void Put(ReadOnlySpan<float> sums, int columns, int d, int slots, int size, Span<float> output)
    {
        for (int i = 0; i < slots; i++)
            sums.Slice(i * columns, columns).CopyTo(output[(i * size + d)..]);
    }
}
