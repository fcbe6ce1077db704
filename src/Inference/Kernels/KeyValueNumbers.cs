using System.Runtime.CompilerServices;

namespace LlmService.Inference.Kernels;

/// <summary>How keys and values are stored: a number for itself, or two neighbours (columns of a key, positions of a value) in one lane of 32 bits.</summary>
internal interface IKeyValueNumbers<TNumber, TVector>
{
    /// <summary>Numbers in a lane: 1 or 2.</summary>
    static abstract int Together { get; }

    /// <summary>The first number of each lane.</summary>
    static abstract TVector First(ref TNumber source, nint index);

    /// <summary>The second one, where there are two.</summary>
    static abstract TVector Second(ref TNumber source, nint index);
}

/// <summary>Floats.</summary>
internal readonly struct Singles<TLanes, TVector> : IKeyValueNumbers<float, TVector>
    where TLanes : struct, IFloatLanes<TVector>
{
    public static int Together => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector First(ref float source, nint index) => TLanes.Load(ref source, index);

    public static TVector Second(ref float source, nint index) => throw new InvalidOperationException("There is one float in a lane.");
}

/// <summary>bfloat16, the first number in the upper half.</summary>
internal readonly struct Halves<TLanes, TVector> : IKeyValueNumbers<uint, TVector>
    where TLanes : struct, IFloatLanes<TVector>
{
    public static int Together => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector First(ref uint source, nint index) => TLanes.LoadUpper(ref source, index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Second(ref uint source, nint index) => TLanes.LoadLower(ref source, index);
}
