using System.Runtime.InteropServices;

namespace LlmService.Inference.Kernels;

/// <summary>Which processor a thread runs on, where the system tells (Linux).</summary>
internal static unsafe partial class Processors
{
    /// <summary>The answer where it is not known.</summary>
    public const int Unknown = -1;

    // cpu_set_t of glibc and musl: a bit for each of 1,024 processors. The calls read and write so many bytes and no more.
    private const int SetWords = 16, SetBytes = SetWords * sizeof(ulong), WordBits = 64;

    /// <summary>The processor that this thread runs on now; <see cref="Unknown"/> where the system does not tell.</summary>
    public static int Current => OperatingSystem.IsLinux() ? ReadCurrent() : Unknown;

    /// <summary>Moves this thread to another processor of those that it may use, where there is one. It may come back whenever the system wants it to.</summary>
    public static void Leave(int processor)
    {
        if (!OperatingSystem.IsLinux() || processor is < 0 or >= SetWords * WordBits)
            return;
        ulong* allowed = stackalloc ulong[SetWords];
        ulong* others = stackalloc ulong[SetWords];
        if (ReadAffinity(0, SetBytes, allowed) != 0)
            return;
        new ReadOnlySpan<ulong>(allowed, SetWords).CopyTo(new Span<ulong>(others, SetWords));
        others[processor / WordBits] &= ~(1ul << (processor % WordBits));
        if (!new ReadOnlySpan<ulong>(others, SetWords).ContainsAnyExcept(0ul))
            return;
        // The first call moves the thread at once, the second one allows all again.
        if (SetAffinity(0, SetBytes, others) == 0)
            _ = SetAffinity(0, SetBytes, allowed);
    }

    [LibraryImport("libc", EntryPoint = "sched_getcpu")]
    [SuppressGCTransition]
    private static partial int ReadCurrent();

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    private static partial int ReadAffinity(int thread, nuint bytes, ulong* set);

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SetAffinity(int thread, nuint bytes, ulong* set);
}
