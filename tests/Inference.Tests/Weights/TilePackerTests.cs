using System.Security.Cryptography;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;
using LlmService.Inference.Weights.Tiles;

namespace LlmService.Inference.Tests.Weights;

public sealed class TilePackerTests
{
    private static readonly float[] Odd = [0, -0f, float.Epsilon, -1e-40f, 1e-30f, 1, -1, 0.5f, 1e30f, -3e38f, float.MaxValue];

    private readonly Random _random = new(9);

    [Theory]
    [InlineData(TileFormat.Q8)]
    [InlineData(TileFormat.Q4)]
    internal void Pack_AnyColumnsAndNumbers_IsTheSameOnEveryPath(TileFormat format)
    {
        foreach (int columns in new[] { 1, 31, 32, 33, 70, 96, 257 })
        {
            for (int run = 0; run < 20; run++)
            {
                float[] rows = Numbers(columns, run), units = Units(format, rows, columns);
                (byte[] tile, float[] left) = Pack(KernelPath.Scalar, format, rows, columns, units);

                foreach (KernelPath path in Enum.GetValues<KernelPath>().Where(KernelPaths.IsSupported))
                {
                    (byte[] other, float[] otherLeft) = Pack(path, format, rows, columns, units);
                    Assert.Equal(tile, other);
                    Assert.Equal(left, otherLeft);
                }
            }
        }
    }

    // Half a step in Q8, whose scale is rounded up by at most 1 in 128. In Q4 the scale may be as small as 1/8.4 of the largest, 1 in 512 less, and its greatest number is 7: a weight as large, of the
    // other sign, loses up to 1 - 7/8.4 and 7/8.4 times that rounding.
    [Theory]
    [InlineData(TileFormat.Q8, 0.51f / 127)]
    [InlineData(TileFormat.Q4, 0.1667f + 0.0017f)]
    internal void Pack_Row_ReadsBackWithinAStepOfTheLargest(TileFormat format, float bound)
    {
        const int columns = 77;
        float[] rows = Numbers(columns, 1), row = new float[columns];
        (byte[] tile, _) = Pack(KernelPaths.Best, format, rows, columns, Ones());

        for (int r = 0; r < TileLayout.Rows; r++)
        {
            TilePacker.Unpack(format, tile, r, row);
            for (int k = 0; k < columns; k++)
            {
                int start = r * columns + k / 32 * 32;
                float largest = rows[start..Math.Min(start + 32, (r + 1) * columns)].Max(MathF.Abs);
                Assert.InRange(row[k] - rows[r * columns + k], -bound * largest, bound * largest);
            }
        }
    }

    /// <summary>Files in the cache of tiles hold what this version packs. When this fails for a good reason, raise the version and write the new sum.</summary>
    [Fact]
    public void Pack_FixedNumbers_GivesTheBytesOfThisVersion()
    {
        float[] rows = [.. Enumerable.Range(0, TileLayout.Rows * 100).Select(i => (i * 7919 % 2003 - 1001) / 1001f)];
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (TileFormat format in new[] { TileFormat.Q8, TileFormat.Q4 })
            hash.AppendData(Pack(KernelPaths.Best, format, rows, 100, Ones()).Tile);

        Assert.Equal((3, "0c04834478094b65"), (TileIdentity.Version, Convert.ToHexStringLower(hash.GetHashAndReset())[..16]));
    }

    private static (byte[] Tile, float[] Units) Pack(KernelPath path, TileFormat format, float[] rows, int columns, float[] units)
    {
        byte[] tile = new byte[TileLayout.TileBytes(format, columns)];
        Array.Fill(tile, (byte)0xA5);
        float[] left = [.. units];
        TilePacker.Pack(path, format, rows, columns, tile, left);
        return (tile, left);
    }

    private float[] Numbers(int columns, int run)
    {
        float[] rows = new float[TileLayout.Rows * columns];
        foreach (ref float number in rows.AsSpan())
            number = run % 4 == 3 && _random.Next(3) == 0 ? Odd[_random.Next(Odd.Length)] : (_random.NextSingle() + _random.NextSingle() + _random.NextSingle() - 1.5f) * MathF.Pow(10, _random.Next(-run, 1));
        return rows;
    }

    /// <summary>Some rows become whole multiples of a unit; one says so and is not.</summary>
    private float[] Units(TileFormat format, float[] rows, int columns)
    {
        float[] units = Ones();
        for (int row = 0; format == TileFormat.Q8 && row < TileLayout.Rows; row += 3)
        {
            units[row] = 0.001f + _random.NextSingle();
            for (int k = 0; k < columns && row != 6; k++)
                rows[row * columns + k] = _random.Next(-128, 128) * units[row];
        }
        return units;
    }

    private static float[] Ones() => [.. Enumerable.Repeat(1f, TileLayout.Rows)];
}
