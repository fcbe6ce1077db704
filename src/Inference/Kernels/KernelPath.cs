using System.Runtime.Intrinsics.X86;
using LlmService.Inference.Kernels.Emitted;

namespace LlmService.Inference.Kernels;

/// <summary>Which implementation of the kernels runs. All give the same bits.</summary>
public enum KernelPath
{
    /// <summary>One number at a time: the twin that the others are tested against.</summary>
    Scalar,

    /// <summary>Vectors of 128 bits, on any machine that has them (Arm, older x86).</summary>
    Vector128,

    /// <summary>x86 with AVX2 and FMA.</summary>
    Avx2,

    /// <summary>x86 with AVX-512 F, BW and VL.</summary>
    Avx512,

    /// <summary>The same, with products of tiles in machine code for AVX-512 VNNI, which is written at run time.</summary>
    Avx512Vnni,
}

/// <summary>What this machine can run.</summary>
public static class KernelPaths
{
    /// <summary>The fastest path of this machine.</summary>
    public static KernelPath Best { get; } = IsSupported(KernelPath.Avx512Vnni) ? KernelPath.Avx512Vnni
        : IsSupported(KernelPath.Avx512) ? KernelPath.Avx512
        : IsSupported(KernelPath.Avx2) ? KernelPath.Avx2
        : IsSupported(KernelPath.Vector128) ? KernelPath.Vector128
        : KernelPath.Scalar;

    /// <summary>Whether this machine can run a path.</summary>
    public static bool IsSupported(KernelPath path) => path switch
    {
        KernelPath.Scalar => true,
        KernelPath.Vector128 => System.Runtime.Intrinsics.Vector128.IsHardwareAccelerated,
        KernelPath.Avx2 => Avx2.IsSupported && Fma.IsSupported,
        KernelPath.Avx512 => Avx512BW.IsSupported && Avx512BW.VL.IsSupported,
        KernelPath.Avx512Vnni => IsSupported(KernelPath.Avx512) && VnniKernels.IsSupported,
        _ => throw new InvalidOperationException($"unknown path {path}"),
    };
}
