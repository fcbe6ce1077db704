using System.Runtime.CompilerServices;

namespace LlmService.Inference.Kernels;

/// <summary>One row of a tile at a time: the twin of the vectors, in plain arithmetic. A short's place holds two numbers, a byte's place four.</summary>
internal readonly struct ScalarLanes : ILanes<(int First, int Second), uint, int, float>
{
    public static int Rows => 1;

    public static int AddProducts(int sum, (int First, int Second) weights, int pair) => sum + weights.First * (short)pair + weights.Second * (pair >> 16);

    public static int Create(int value) => value;

    public static uint Load(ref byte source) => Unsafe.ReadUnaligned<uint>(ref source);

    public static (int First, int Second) Even(uint bytes) => ((int)(bytes & 255), (int)((bytes >> 16) & 255));

    public static (int First, int Second) Odd(uint bytes) => ((int)((bytes >> 8) & 255), (int)(bytes >> 24));

    public static uint LowNibbles(uint packed) => packed & 0x0F0F0F0F;

    public static uint HighNibbles(uint packed) => (packed >> 4) & 0x0F0F0F0F;

    public static (int First, int Second) Products(uint weights, int four) =>
        ((int)(weights & 255) * (sbyte)four + (int)((weights >> 8) & 255) * (sbyte)(four >> 8),
         (int)((weights >> 16) & 255) * (sbyte)(four >> 16) + (int)(weights >> 24) * (four >> 24));

    public static (int First, int Second) Add((int First, int Second) a, (int First, int Second) b) => (a.First + b.First, a.Second + b.Second);

    public static int AddPairs(int sum, (int First, int Second) pairs) => sum + pairs.First + pairs.Second;

    public static int Add(int a, int b) => a + b;

    public static float LoadScales(ref byte source) => BitConverter.Int32BitsToSingle(Unsafe.ReadUnaligned<ushort>(ref source) << 16);

    public static float AddScaled(float sum, int dot, float scales, float factor) => MathF.FusedMultiplyAdd(dot, scales * factor, sum);

    public static void Store(float values, ref float destination) => destination = values;

    public static float LoadSums(ref float source) => source;
}
