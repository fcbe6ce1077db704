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

    /// <summary>The group of a token.</summary>
    public int GroupOf(int token) => token / _groupTokens;

    /// <summary>Tokens of some groups.</summary>
    public int Tokens(int group, int groups = 1) => Math.Min(groups * _groupTokens, _tokens - First(group));

    /// <summary>Tokens that there is room for in a group: 1 to 8 with VNNI, else 1 or 4.</summary>
    public int Width(int group) => Tokens(group) is var tokens && _isPadded && tokens > 1 ? _groupTokens : tokens;

    /// <summary>The numbers of groups of one size, [groups, Blocks, Width, 32].</summary>
    public ReadOnlySpan<byte> Numbers(int group, int groups = 1) => _numbers.AsSpan(First(group) * Blocks * _blockBytes, groups * Width(group) * Blocks * _blockBytes);

    /// <summary>For each block of groups of one size: what the numbers of each token are multiplied by, as the bits of floats, then for each token what the unsigned weights add too much, below zero: [groups, Blocks, 2, Width].</summary>
    public ReadOnlySpan<int> Factors(int group, int groups = 1) => _factors.AsSpan(First(group) * Blocks * 2, groups * Width(group) * Blocks * 2);

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
        _numbers = GrowingBuffer.Grow(_numbers, checked(blocks * _blockBytes), isPinned: true);
        _factors = GrowingBuffer.Grow(_factors, checked(blocks * 2), isPinned: true);
    }

    /// <summary>Gives the memory up.</summary>
    /// <returns>Its bytes.</returns>
    public long Release()
    {
        long bytes = _numbers.Length + (long)_factors.Length * sizeof(int);
        (_numbers, _factors) = ([], []);
        return bytes;
    }

    /// <summary>Quantises rows, or whole blocks of them; rows and blocks are independent, so several threads may do it at once.</summary>
    /// <param name="path">Which implementation.</param>
    /// <param name="first">The first row.</param>
    /// <param name="count">How many.</param>
    /// <param name="values">The activations of the first row, and those of the others behind them.</param>
    /// <param name="stride">From one row's activations to the next one's.</param>
    /// <param name="columns">How many activations of each.</param>
    /// <param name="firstBlock">The block that they begin with.</param>
    public void Set(KernelPath path, int first, int count, ReadOnlySpan<float> values, int stride, int columns, int firstBlock = 0)
    {
        int whole = columns / Size, blocks = TileLayout.Blocks(columns);
        Span<float> padded = stackalloc float[whole < blocks ? Size : 0];
        padded.Clear();
        for (int row = first, end = first + count; row < end;)
        {
            int group = GroupOf(row), token = row - First(group), together = Math.Min(end - row, Tokens(group) - token);
            ReadOnlySpan<float> some = values[((row - first) * stride)..];
            Set(path, some, stride, together, group, token, firstBlock, whole);
            for (int i = 0; i < together && whole < blocks; i++)
            {
                some.Slice(i * stride + whole * Size, columns - whole * Size).CopyTo(padded);
                Set(path, padded, Size, 1, group, token + i, firstBlock + whole, 1);
            }
            row += together;
        }
    }

    // Whole blocks of some tokens of a group.
    private void Set(KernelPath path, ReadOnlySpan<float> values, int stride, int tokens, int group, int token, int firstBlock, int blocks)
    {
        if (blocks == 0)
            return;
        int width = Width(group), start = First(group) * Blocks + firstBlock * width;
        Span<byte> numbers = _numbers.AsSpan((start + token) * _blockBytes, ((blocks - 1) * width + tokens) * _blockBytes);
        Span<int> factors = _factors.AsSpan(2 * start + token, 2 * (blocks - 1) * width + width + tokens);
        Target target = new()
        {
            Blocks = blocks,
            Tokens = tokens,
            Stride = stride,
            Numbers = ref MemoryMarshal.GetReference(numbers),
            NumberStride = _blockBytes,
            Factors = ref MemoryMarshal.GetReference(factors),
            Width = width,
            Zero = TileLayout.Zero(_format),
            IsWide = _blockBytes != Size,
        };
        ref float from = ref MemoryMarshal.GetReference(values[..((tokens - 1) * stride + blocks * Size)]);
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: Set<Avx512Floats, Vector512<float>>(ref from, target); break;
            case KernelPath.Avx2: Set<Avx2Floats, Vector256<float>>(ref from, target); break;
            case KernelPath.Vector128: Set<Vector128Floats, Vector128<float>>(ref from, target); break;
            case KernelPath.Scalar: Set<ScalarFloats, float>(ref from, target); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
    }

    // Reads 32 numbers of each token a block, and writes a block's numbers and two factors at their strides; the caller has cut the spans to that.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Set<TLanes, TVector>(ref float values, in Target target)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        Span<sbyte> narrow = stackalloc sbyte[Size];
        nint stride = target.Stride, numberStride = target.NumberStride, width = target.Width, blocks = target.Blocks, tokens = target.Tokens;
        int zero = target.Zero;
        bool isWide = target.IsWide;
        for (nint block = 0; block < blocks; block++)
        {
            for (nint token = 0; token < tokens; token++)
            {
                ref float from = ref Unsafe.Add(ref values, token * stride + block * Size);
                ref byte place = ref Unsafe.AddByteOffset(ref target.Numbers, (block * width + token) * numberStride);
                ref int factors = ref Unsafe.Add(ref target.Factors, 2 * block * width + token);
                ref sbyte numbers = ref isWide ? ref MemoryMarshal.GetReference(narrow) : ref Unsafe.As<byte, sbyte>(ref place);
                TVector largest = default;
                for (nint i = 0; i < Size; i += TLanes.Count)
                    largest = TLanes.MaxOfMagnitudes(largest, TLanes.Abs(TLanes.Load(ref from, i)));
                float magnitude = TLanes.HighestMagnitude(largest);
                TVector factor = TLanes.Create(Factor(magnitude)), sum = default;
                for (nint i = 0; i < Size; i += TLanes.Count)
                {
                    TVector rounded = TLanes.Round(TLanes.Multiply(TLanes.Load(ref from, i), factor));
                    TLanes.StoreBytes(rounded, ref numbers, i);
                    sum = TLanes.Add(sum, rounded);
                }
                factors = BitConverter.SingleToInt32Bits(magnitude / Highest);
                // Sums of small whole numbers are exact in any order.
                Unsafe.Add(ref factors, width) = -zero * (int)TLanes.Sum(sum);
                if (isWide)
                    Widen(TLanes.Count == 1, narrow, MemoryMarshal.CreateSpan(ref Unsafe.As<byte, short>(ref place), Size));
            }
        }
    }

    // A magnitude below the smallest that can be inverted counts as zero; one that is not a number stays visible in the scale.
    private static float Factor(float magnitude) => Highest / magnitude is var factor && float.IsFinite(factor) ? factor : 0;

    private static void Widen(bool isScalar, ReadOnlySpan<sbyte> numbers, Span<short> to)
    {
        if (isScalar)
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

    /// <summary>Where the numbers of some tokens come from and go.</summary>
    private ref struct Target
    {
        public int Blocks, Tokens;

        // From a token's activations to the next one's.
        public nint Stride;

        // The first token's numbers of the first block, and the bytes from a token's to the next one's.
        public ref byte Numbers;
        public nint NumberStride;

        // Its scale, and how far its sum is from it: tokens that there is room for in the group.
        public ref int Factors;
        public nint Width;

        // What is stored for a weight of zero.
        public int Zero;

        // Whether numbers are shorts.
        public bool IsWide;
    }
}
