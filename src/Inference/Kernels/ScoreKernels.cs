using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LlmService.Inference.Kernels;

/// <summary>Products of queries with keys.</summary>
internal static class ScoreKernels
{
    /// <summary>Scores of some queries with all keys of a head.</summary>
    /// <param name="path">Which implementation.</param>
    /// <param name="head">The keys.</param>
    /// <param name="queries">[size, slots], scaled.</param>
    /// <param name="scores">Receives [slots, width].</param>
    /// <param name="slots">Queries: one, half of <see cref="AttentionKernels.Together"/>, or all of it.</param>
    public static void Score(KernelPath path, in KeyValueHead head, ReadOnlySpan<float> queries, Span<float> scores, int slots)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: Score<Avx512Floats, Vector512<float>>(head, queries, scores, slots); break;
            case KernelPath.Avx2: Score<Avx2Floats, Vector256<float>>(head, queries, scores, slots); break;
            case KernelPath.Vector128: Score<Vector128Floats, Vector128<float>>(head, queries, scores, slots); break;
            case KernelPath.Scalar: Score<ScalarFloats, float>(head, queries, scores, slots); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
    }

    private static void Score<TLanes, TVector>(in KeyValueHead head, ReadOnlySpan<float> queries, Span<float> scores, int slots)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        if (head.View.IsHalf)
            Score<Halves<TLanes, TVector>, uint, TLanes, TVector>(head, queries, scores, slots);
        else
            Score<Singles<TLanes, TVector>, float, TLanes, TVector>(head, queries, scores, slots);
    }

    private static void Score<TNumbers, TNumber, TLanes, TVector>(in KeyValueHead head, ReadOnlySpan<float> queries, Span<float> scores, int slots)
        where TNumbers : struct, IKeyValueNumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        const int block = KeyValueView.BlockPositions;
        int width = head.Width, lanes = head.Size / TNumbers.Together, at = 0;
        ref float q = ref MemoryMarshal.GetReference(queries[..(head.Size * slots)]);
        ref float s = ref MemoryMarshal.GetReference(scores[..(width * slots)]);
        if (slots == 1)
        {
            for (; at + 4 * block <= width; at += 4 * block)
            {
                ScoreOneByFour<TNumbers, TNumber, TLanes, TVector>(
                    ref head.Keys<TNumber>(at), ref head.Keys<TNumber>(at + block), ref head.Keys<TNumber>(at + 2 * block), ref head.Keys<TNumber>(at + 3 * block), lanes, ref q, ref Unsafe.Add(ref s, at));
            }
            for (; at < width; at += block)
                ScoreOne<TNumbers, TNumber, TLanes, TVector>(ref head.Keys<TNumber>(at), lanes, ref q, ref Unsafe.Add(ref s, at));
            return;
        }
        for (; at < width; at += block)
        {
            ref TNumber next = ref head.Keys<TNumber>(Math.Min(at + block, width - block));
            if (slots == AttentionKernels.Together)
                ScoreEight<TNumbers, TNumber, TLanes, TVector>(ref head.Keys<TNumber>(at), ref next, lanes, ref q, ref Unsafe.Add(ref s, at), width);
            else
                ScoreFour<TNumbers, TNumber, TLanes, TVector>(ref head.Keys<TNumber>(at), ref next, lanes, ref q, ref Unsafe.Add(ref s, at), width);
        }
    }

    // The scores of 16 keys: lanes · 16 keys and their queries are read, 16 scores for each query are written; the callers have checked the spans for that.
    // The keys of the next block are asked for meanwhile.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoreOne<TNumbers, TNumber, TLanes, TVector>(ref TNumber keys, nint lanes, ref float queries, ref float scores)
        where TNumbers : struct, IKeyValueNumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        for (nint lane = 0; lane < KeyValueView.BlockPositions; lane += TLanes.Count)
        {
            TVector s0 = default;
            ref TNumber k = ref Unsafe.Add(ref keys, lane);
            ref float q = ref queries;
            for (nint i = 0; i < lanes; i++)
            {
                s0 = TLanes.MultiplyAdd(TNumbers.First(ref k, 0), q, s0);
                if (TNumbers.Together == 2)
                    s0 = TLanes.MultiplyAdd(TNumbers.Second(ref k, 0), Unsafe.Add(ref q, 1), s0);
                k = ref Unsafe.Add(ref k, KeyValueView.BlockPositions);
                q = ref Unsafe.Add(ref q, TNumbers.Together);
            }
            TLanes.Store(s0, ref scores, lane);
        }
    }

    // Four times 16 keys, so that no sum waits for itself.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoreOneByFour<TNumbers, TNumber, TLanes, TVector>(ref TNumber keys0, ref TNumber keys1, ref TNumber keys2, ref TNumber keys3, nint lanes, ref float queries, ref float scores)
        where TNumbers : struct, IKeyValueNumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        for (nint lane = 0; lane < KeyValueView.BlockPositions; lane += TLanes.Count)
        {
            TVector s0 = default, s1 = default, s2 = default, s3 = default;
            ref float q = ref queries;
            nint at = lane;
            for (nint i = 0; i < lanes; i++)
            {
                s0 = TLanes.MultiplyAdd(TNumbers.First(ref keys0, at), q, s0);
                s1 = TLanes.MultiplyAdd(TNumbers.First(ref keys1, at), q, s1);
                s2 = TLanes.MultiplyAdd(TNumbers.First(ref keys2, at), q, s2);
                s3 = TLanes.MultiplyAdd(TNumbers.First(ref keys3, at), q, s3);
                if (TNumbers.Together == 2)
                {
                    float second = Unsafe.Add(ref q, 1);
                    s0 = TLanes.MultiplyAdd(TNumbers.Second(ref keys0, at), second, s0);
                    s1 = TLanes.MultiplyAdd(TNumbers.Second(ref keys1, at), second, s1);
                    s2 = TLanes.MultiplyAdd(TNumbers.Second(ref keys2, at), second, s2);
                    s3 = TLanes.MultiplyAdd(TNumbers.Second(ref keys3, at), second, s3);
                }
                at += KeyValueView.BlockPositions;
                q = ref Unsafe.Add(ref q, TNumbers.Together);
            }
            TLanes.Store(s0, ref scores, lane);
            TLanes.Store(s1, ref scores, lane + KeyValueView.BlockPositions);
            TLanes.Store(s2, ref scores, lane + 2 * KeyValueView.BlockPositions);
            TLanes.Store(s3, ref scores, lane + 3 * KeyValueView.BlockPositions);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoreFour<TNumbers, TNumber, TLanes, TVector>(ref TNumber keys, ref TNumber next, nint lanes, ref float queries, ref float scores, nint stride)
        where TNumbers : struct, IKeyValueNumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        for (nint lane = 0; lane < KeyValueView.BlockPositions; lane += TLanes.Count)
        {
            TVector s0 = default, s1 = default, s2 = default, s3 = default;
            ref TNumber k = ref Unsafe.Add(ref keys, lane), asked = ref Unsafe.Add(ref next, lane);
            ref float q = ref queries;
            for (nint i = 0; i < lanes; i++)
            {
                CacheLines.Prefetch(ref asked);
                asked = ref Unsafe.Add(ref asked, KeyValueView.BlockPositions);
                TVector key = TNumbers.First(ref k, 0);
                s0 = TLanes.MultiplyAdd(key, q, s0);
                s1 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 1), s1);
                s2 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 2), s2);
                s3 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 3), s3);
                if (TNumbers.Together == 2)
                {
                    key = TNumbers.Second(ref k, 0);
                    q = ref Unsafe.Add(ref q, AttentionKernels.Together / 2);
                    s0 = TLanes.MultiplyAdd(key, q, s0);
                    s1 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 1), s1);
                    s2 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 2), s2);
                    s3 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 3), s3);
                }
                k = ref Unsafe.Add(ref k, KeyValueView.BlockPositions);
                q = ref Unsafe.Add(ref q, AttentionKernels.Together / 2);
            }
            TLanes.Store(s0, ref scores, lane);
            TLanes.Store(s1, ref scores, stride + lane);
            TLanes.Store(s2, ref scores, 2 * stride + lane);
            TLanes.Store(s3, ref scores, 3 * stride + lane);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoreEight<TNumbers, TNumber, TLanes, TVector>(ref TNumber keys, ref TNumber next, nint lanes, ref float queries, ref float scores, nint stride)
        where TNumbers : struct, IKeyValueNumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        for (nint lane = 0; lane < KeyValueView.BlockPositions; lane += TLanes.Count)
        {
            TVector s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
            ref TNumber k = ref Unsafe.Add(ref keys, lane), asked = ref Unsafe.Add(ref next, lane);
            ref float q = ref queries;
            for (nint i = 0; i < lanes; i++)
            {
                CacheLines.Prefetch(ref asked);
                asked = ref Unsafe.Add(ref asked, KeyValueView.BlockPositions);
                TVector key = TNumbers.First(ref k, 0);
                s0 = TLanes.MultiplyAdd(key, q, s0);
                s1 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 1), s1);
                s2 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 2), s2);
                s3 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 3), s3);
                s4 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 4), s4);
                s5 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 5), s5);
                s6 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 6), s6);
                s7 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 7), s7);
                if (TNumbers.Together == 2)
                {
                    key = TNumbers.Second(ref k, 0);
                    q = ref Unsafe.Add(ref q, AttentionKernels.Together);
                    s0 = TLanes.MultiplyAdd(key, q, s0);
                    s1 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 1), s1);
                    s2 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 2), s2);
                    s3 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 3), s3);
                    s4 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 4), s4);
                    s5 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 5), s5);
                    s6 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 6), s6);
                    s7 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 7), s7);
                }
                k = ref Unsafe.Add(ref k, KeyValueView.BlockPositions);
                q = ref Unsafe.Add(ref q, AttentionKernels.Together);
            }
            TLanes.Store(s0, ref scores, lane);
            TLanes.Store(s1, ref scores, stride + lane);
            TLanes.Store(s2, ref scores, 2 * stride + lane);
            TLanes.Store(s3, ref scores, 3 * stride + lane);
            TLanes.Store(s4, ref scores, 4 * stride + lane);
            TLanes.Store(s5, ref scores, 5 * stride + lane);
            TLanes.Store(s6, ref scores, 6 * stride + lane);
            TLanes.Store(s7, ref scores, 7 * stride + lane);
        }
    }
}
