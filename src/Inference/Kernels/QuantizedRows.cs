using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LlmService.Inference.Kernels;

/// <summary>
/// Rows of activations in whole numbers, a scale for 32 of them: 16 bits for Q8 weights (the products fit 32 bits, and cost no more than those of bytes), 8 bits for Q4.
/// Numbers are rounded to the nearest, halves to even. A buffer that is used again and again.
/// </summary>
internal sealed class QuantizedRows
{
    // The largest that leaves the sum of 32 products with 127 inside of 32 bits is far above; 15 bits are what a pair of products is made of.
    private const int HighestShort = 32767, HighestByte = 127;

    private short[] _shorts = [];
    private sbyte[] _bytes = [];
    private float[] _scales = [];
    private int[] _sums = [];

    public int Blocks { get; private set; }

    /// <summary>Numbers for Q8, [rows, Blocks · 32].</summary>
    public ReadOnlySpan<short> Shorts => _shorts;

    /// <summary>Numbers for Q4, [rows, Blocks · 32].</summary>
    public ReadOnlySpan<sbyte> Bytes => _bytes;

    /// <summary>What a number of a block is multiplied by, [rows, Blocks].</summary>
    public ReadOnlySpan<float> Scales => _scales;

    /// <summary>For Q4: eight times the sum of each block, [rows, Blocks]; the nibbles are eight too high.</summary>
    public ReadOnlySpan<int> Sums => _sums;

    /// <summary>Makes room for rows.</summary>
    public void Reserve(TileFormat format, int rows, int columns)
    {
        Blocks = TileLayout.Blocks(columns);
        // The kernels take four rows at a time; those past the end are computed with whatever is there, and not looked at.
        rows = (rows + TileKernels.MaxTokens - 1) / TileKernels.MaxTokens * TileKernels.MaxTokens;
        int blocks = checked(rows * Blocks), numbers = checked(blocks * TileLayout.BlockColumns);
        if (_scales.Length < blocks)
            _scales = new float[blocks];
        if (format == TileFormat.Q8 && _shorts.Length < numbers)
            _shorts = new short[numbers];
        if (format == TileFormat.Q4 && _bytes.Length < numbers)
            _bytes = new sbyte[numbers];
        if (format == TileFormat.Q4 && _sums.Length < blocks)
            _sums = new int[blocks];
    }

    /// <summary>Quantises one row; rows are independent, so several threads may do it at once.</summary>
    /// <param name="path">Which implementation.</param>
    /// <param name="format">The format of the weights that the row is for.</param>
    /// <param name="row">Which row.</param>
    /// <param name="values">The activations, [columns].</param>
    public void Set(KernelPath path, TileFormat format, int row, ReadOnlySpan<float> values)
    {
        const int size = TileLayout.BlockColumns;
        Span<float> padded = stackalloc float[size];
        Span<int> numbers = stackalloc int[size];
        int highest = format == TileFormat.Q8 ? HighestShort : HighestByte;
        for (int block = 0; block < Blocks; block++)
        {
            scoped ReadOnlySpan<float> part = values[(block * size)..];
            if (part.Length < size)
            {
                padded.Clear();
                part.CopyTo(padded);
                part = padded;
            }
            int at = row * Blocks + block;
            _scales[at] = Round(path, part, highest, numbers);
            if (format == TileFormat.Q8)
                Narrow(numbers, _shorts.AsSpan(at * size, size));
            else
                _sums[at] = 8 * Narrow(numbers, _bytes.AsSpan(at * size, size));
        }
    }

    /// <summary>Rounds 32 numbers so that the largest becomes <paramref name="highest"/>, and returns the scale that undoes it.</summary>
    private static float Round(KernelPath path, ReadOnlySpan<float> values, int highest, Span<int> numbers)
    {
        ref float from = ref MemoryMarshal.GetReference(values[..TileLayout.BlockColumns]);
        ref int to = ref MemoryMarshal.GetReference(numbers[..TileLayout.BlockColumns]);
        return path switch
        {
            KernelPath.Avx512 => Round<Avx512Floats, Vector512<float>>(ref from, highest, ref to),
            KernelPath.Avx2 => Round<Avx2Floats, Vector256<float>>(ref from, highest, ref to),
            KernelPath.Vector128 => Round<Vector128Floats, Vector128<float>>(ref from, highest, ref to),
            KernelPath.Scalar => Round<ScalarFloats, float>(ref from, highest, ref to),
            _ => throw new InvalidOperationException($"unknown path {path}"),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Round<TLanes, TVector>(ref float values, int highest, ref int numbers)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector largest = default;
        for (nint i = 0; i < TileLayout.BlockColumns; i += TLanes.Count)
            largest = TLanes.Max(largest, TLanes.Abs(TLanes.Load(ref values, i)));
        float magnitude = TLanes.Highest(largest);
        TVector factor = TLanes.Create(Factor(magnitude, highest));
        for (nint i = 0; i < TileLayout.BlockColumns; i += TLanes.Count)
            TLanes.StoreIntegers(TLanes.Round(TLanes.Multiply(TLanes.Load(ref values, i), factor)), ref numbers, i);
        return magnitude / highest;
    }

    // A magnitude below the smallest that can be inverted counts as zero; one that is not a number stays visible in the scale.
    private static float Factor(float magnitude, int highest) => highest / magnitude is var factor && float.IsFinite(factor) ? factor : 0;

    private static void Narrow(ReadOnlySpan<int> numbers, Span<short> destination)
    {
        for (int i = 0; i < destination.Length; i++)
            destination[i] = (short)numbers[i];
    }

    private static int Narrow(ReadOnlySpan<int> numbers, Span<sbyte> destination)
    {
        int sum = 0;
        for (int i = 0; i < destination.Length; i++)
        {
            destination[i] = (sbyte)numbers[i];
            sum += numbers[i];
        }
        return sum;
    }
}
