using System.Buffers.Binary;

namespace LlmService;

/// <summary>Damages weight files of any format: mostly what describes the tensors, at the beginning and the end of a file, now and then the rest.</summary>
internal static class WeightMutator
{
    private const int FrontBytes = 4096, BackBytes = 2048;

    // Borders of the integer types, and counts that are plausible and wrong.
    private static readonly long[] Numbers = [0, 1, -1, 2, 7, 255, 256, 65_535, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 32, long.MaxValue, long.MinValue, 1L << 40, 1_000_003];

    /// <summary>A damaged copy.</summary>
    public static byte[] Mutate(byte[] file, Random random)
    {
        List<byte> bytes = [.. file];
        for (int i = random.Next(1, 4); i > 0 && bytes.Count > 0; i--)
            MutateOnce(bytes, random);
        return [.. bytes];
    }

    private static void MutateOnce(List<byte> bytes, Random random)
    {
        int at = Place(bytes.Count, random);
        switch (random.Next(10))
        {
            case 0:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 1:
                bytes.RemoveRange(at, Math.Min(random.Next(1, 17), bytes.Count - at));
                break;
            case 2:
                bytes.InsertRange(at, Run(bytes, random));
                break;
            case 3:
                Overwrite(bytes, at, Run(bytes, random));
                break;
            case 4 or 5:
                byte[] number = new byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(number, Numbers[random.Next(Numbers.Length)]);
                Overwrite(bytes, at, number[..(1 << random.Next(4))]);
                break;
            case 6:
                bytes[at] = (byte)random.Next(32, 127);
                break;
            case 7:
                bytes[at] = (byte)random.Next(256);
                break;
            default:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
        }
    }

    private static int Place(int length, Random random) => random.Next(8) switch
    {
        < 4 => random.Next(Math.Min(FrontBytes, length)),
        < 7 => length - 1 - random.Next(Math.Min(BackBytes, length)),
        _ => random.Next(length),
    };

    private static byte[] Run(List<byte> bytes, Random random)
    {
        int from = Place(bytes.Count, random);
        return [.. bytes.GetRange(from, Math.Min(random.Next(1, 33), bytes.Count - from))];
    }

    private static void Overwrite(List<byte> bytes, int at, byte[] run)
    {
        for (int i = 0; i < run.Length && at + i < bytes.Count; i++)
            bytes[at + i] = run[i];
    }
}
