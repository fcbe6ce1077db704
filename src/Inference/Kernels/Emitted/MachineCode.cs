using System.Runtime.InteropServices;

namespace LlmService.Inference.Kernels.Emitted;

/// <summary>Machine code in memory of its own, which was writable before it became executable and never is both.</summary>
internal static unsafe partial class MachineCode
{
    private const int Read = 1, Write = 2, Execute = 4;
    private const int Private = 2, Anonymous = 0x20;

    /// <summary>Puts kernels where they can be run, for as long as the process lives; null where the system does not let us.</summary>
    /// <param name="code">All of them.</param>
    /// <param name="starts">Where each begins.</param>
    public static byte*[]? TryLoad(Assembler code, int[] starts)
    {
        byte* memory = TryLoad(code.ToArray());
        if (memory == null)
            return null;
        byte*[] kernels = new byte*[starts.Length];
        for (int i = 0; i < starts.Length; i++)
            kernels[i] = memory + starts[i];
        return kernels;
    }

    private static byte* TryLoad(byte[] code)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        nint memory = Map(0, (nuint)code.Length, Read | Write, Private | Anonymous, -1, 0);
        if (memory == -1)
            return null;
        Marshal.Copy(code, 0, memory, code.Length);
        if (Protect(memory, (nuint)code.Length, Read | Execute) == 0)
            return (byte*)memory;
        _ = Unmap(memory, (nuint)code.Length);
        return null;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}
