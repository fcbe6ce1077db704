using System.Runtime.CompilerServices;

namespace LlmService.Inference.Kernels;

/// <summary>How keys and values are stored.</summary>
internal interface IKeyValueNumbers<TNumber, TVector>
{
    static abstract TVector Load(ref TNumber source, nint index);
}

/// <summary>Floats.</summary>
internal readonly struct Singles<TLanes, TVector> : IKeyValueNumbers<float, TVector>
    where TLanes : struct, IFloatLanes<TVector>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load(ref float source, nint index) => TLanes.Load(ref source, index);
}

/// <summary>bfloat16.</summary>
internal readonly struct Halves<TLanes, TVector> : IKeyValueNumbers<ushort, TVector>
    where TLanes : struct, IFloatLanes<TVector>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load(ref ushort source, nint index) => TLanes.LoadBfloat16(ref source, index);
}
