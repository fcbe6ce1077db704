using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LlmService.Inference.Kernels.Emitted;

namespace LlmService.Inference.Kernels;

/// <summary>
/// Rows of activations in whole numbers of 8 bits, a scale for 32 of them, rounded to the nearest, halves to even. They lie in groups of the tokens that a kernel takes at once: for each block of 32
/// columns the numbers of all tokens of the group, so that a kernel reads one stream. A buffer that is used again and again.
/// </summary>
/// <remarks>
/// The numbers of a block are 32 bytes in the order of the columns. For Q8 without VNNI they are 32 shorts, as products of bytes with bytes do not fit 16 bits: the first and third
/// of every four columns, then the second and fourth of every four.
/// </remarks>
internal sealed class QuantizedRows
{
    private const int Highest = 127, Size = TileLayout.BlockColumns;

    // Kernels read them while the memory must not move.
    private byte[] _numbers = [];
    private int[] _factors = [];

    private TileFormat _format;
    private int _blockBytes, _tokens, _groupTokens;
    private bool _isPadded;

    /// <summary>Blocks of a row.</summary>
    public int Blocks { get; private set; }

    /// <summary>Groups of tokens.</summary>
    public int GroupCount { get; private set; }

    /// <summary>The first token of a group.</summary>
    public int First(int group) => group * _groupTokens;

    /// <summary>Tokens of a group.</summary>
    public int Tokens(int group) => Math.Min(_groupTokens, _tokens - First(group));

    /// <summary>Tokens that there is room for in a group: 1 to 16 with VNNI, else 1 or 4.</summary>
    public int Width(int group) => Tokens(group) is var tokens && _isPadded && tokens > 1 ? _groupTokens : tokens;

    /// <summary>The numbers of a group, [Blocks, Width, 32].</summary>
    public ReadOnlySpan<byte> Numbers(int group) => _numbers.AsSpan(First(group) * Blocks * _blockBytes, Width(group) * Blocks * _blockBytes);

    /// <summary>For each block of a group: what the numbers of each token are multiplied by, as the bits of floats, then for each token what the unsigned weights add too much, below zero: [Blocks, 2, Width].</summary>
    public ReadOnlySpan<int> Factors(int group) => _factors.AsSpan(First(group) * Blocks * 2, Width(group) * Blocks * 2);

    /// <summary>Makes room for rows.</summary>
    public void Reserve(KernelPath path, TileFormat format, int rows, int columns)
    {
        bool isVnni = path == KernelPath.Avx512Vnni;
        int most = isVnni ? VnniKernels.MaxTokens : TileKernels.MaxTokens;
        GroupCount = (rows + most - 1) / most;
        // Groups of like size, where any size will do.
        _groupTokens = isVnni ? (rows + GroupCount - 1) / GroupCount : most;
        GroupCount = (rows + _groupTokens - 1) / _groupTokens;
        Blocks = TileLayout.Blocks(columns);
        (_format, _tokens, _isPadded) = (format, rows, !isVnni);
        _blockBytes = Size * (format == TileFormat.Q8 && !isVnni ? sizeof(short) : sizeof(byte));
        // The tokens missing in a group of four are computed with whatever is there, and not looked at.
        int blocks = checked(GroupCount * _groupTokens * Blocks);
        if (_numbers.Length < checked(blocks * _blockBytes))
            _numbers = GC.AllocateArray<byte>(blocks * _blockBytes, pinned: true);
        if (_factors.Length < checked(blocks * 2))
            _factors = GC.AllocateArray<int>(blocks * 2, pinned: true);
    }

    /// <summary>Quantises one row; rows are independent, so several threads may do it at once.</summary>
    /// <param name="path">Which implementation.</param>
    /// <param name="row">Which row.</param>
    /// <param name="values">The activations, [columns].</param>
    public void Set(KernelPath path, int row, ReadOnlySpan<float> values)
    {
        int group = row / _groupTokens, token = row % _groupTokens, width = Width(group);
        Span<byte> numbers = _numbers.AsSpan(First(group) * Blocks * _blockBytes);
        Span<int> factors = _factors.AsSpan(First(group) * Blocks * 2);
        Span<float> padded = stackalloc float[Size];
        Span<sbyte> bytes = stackalloc sbyte[Size];
        for (int block = 0; block < Blocks; block++)
        {
            scoped ReadOnlySpan<float> part = values[(block * Size)..];
            if (part.Length < Size)
            {
                padded.Clear();
                part.CopyTo(padded);
                part = padded;
            }
            Span<byte> to = numbers.Slice((block * width + token) * _blockBytes, _blockBytes);
            if (_blockBytes == Size)
                bytes = MemoryMarshal.Cast<byte, sbyte>(to);
            factors[2 * block * width + token] = BitConverter.SingleToInt32Bits(Round(path, part, bytes, out int sum));
            factors[(2 * block + 1) * width + token] = -TileLayout.Zero(_format) * sum;
            if (_blockBytes != Size)
                Widen(path, bytes, MemoryMarshal.Cast<byte, short>(to));
        }
    }

    /// <summary>Rounds 32 numbers so that the largest becomes 127, sums them, and returns the scale that undoes it.</summary>
    private static float Round(KernelPath path, ReadOnlySpan<float> values, Span<sbyte> numbers, out int sum)
    {
        ref float from = ref MemoryMarshal.GetReference(values[..Size]);
        ref sbyte to = ref MemoryMarshal.GetReference(numbers[..Size]);
        return path switch
        {
            KernelPath.Avx512 or KernelPath.Avx512Vnni => Round<Avx512Floats, Vector512<float>>(ref from, ref to, out sum),
            KernelPath.Avx2 => Round<Avx2Floats, Vector256<float>>(ref from, ref to, out sum),
            KernelPath.Vector128 => Round<Vector128Floats, Vector128<float>>(ref from, ref to, out sum),
            KernelPath.Scalar => Round<ScalarFloats, float>(ref from, ref to, out sum),
            _ => throw new InvalidOperationException($"unknown path {path}"),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Round<TLanes, TVector>(ref float values, ref sbyte numbers, out int sum)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector largest = default;
        for (nint i = 0; i < Size; i += TLanes.Count)
            largest = TLanes.Max(largest, TLanes.Abs(TLanes.Load(ref values, i)));
        float magnitude = TLanes.Highest(largest);
        TVector factor = TLanes.Create(Factor(magnitude)), whole = default;
        for (nint i = 0; i < Size; i += TLanes.Count)
        {
            TVector rounded = TLanes.Round(TLanes.Multiply(TLanes.Load(ref values, i), factor));
            TLanes.StoreBytes(rounded, ref numbers, i);
            whole = TLanes.Add(whole, rounded);
        }
        // Sums of small whole numbers are exact in any order.
        sum = (int)TLanes.Sum(whole);
        return magnitude / Highest;
    }

    // A magnitude below the smallest that can be inverted counts as zero; one that is not a number stays visible in the scale.
    private static float Factor(float magnitude) => Highest / magnitude is var factor && float.IsFinite(factor) ? factor : 0;

    private static void Widen(KernelPath path, ReadOnlySpan<sbyte> numbers, Span<short> to)
    {
        if (path == KernelPath.Scalar)
        {
            for (int i = 0; i < Size; i++)
                to[i % 2 * (Size / 2) + i / 2] = numbers[i];
            return;
        }
        for (int half = 0; half < 2; half++)
        {
            Vector128<short> pairs = Vector128.Create(numbers.Slice(half * 16, 16)).AsInt16();
            ((pairs << 8) >> 8).CopyTo(to[(half * 8)..]);
            (pairs >> 8).CopyTo(to[(Size / 2 + half * 8)..]);
        }
    }
}
