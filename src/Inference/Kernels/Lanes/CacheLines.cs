using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace LlmService.Inference.Kernels;

/// <summary>Hints to the caches.</summary>
internal static unsafe class CacheLines
{
    /// <summary>Bytes of a line, on the processors that kernels ask for lines.</summary>
    public const int Bytes = 64;

    /// <summary>Asks for the cache line of a number. It is a hint: where the number moves meanwhile, another line comes, and nothing else happens.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch<T>(ref T source)
    {
        if (Sse.IsSupported)
            Sse.Prefetch0(Unsafe.AsPointer(ref source));
    }
}
