using System.Runtime.InteropServices;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Weights;

public sealed class WeightMatrixTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();
    private readonly WorkerPool _workers = new(2);
    private readonly Random _random = new(7);

    public void Dispose()
    {
        _workers.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("F16")]
    [InlineData("BF16")]
    [InlineData("F32")]
    public void Multiply_StoredPrecision_GivesTheProductOfTheWidenedValues(string type)
    {
        float[] values = Numbers(37 * 53);
        byte[] bytes = type switch
        {
            "F16" => MemoryMarshal.AsBytes<Half>(Array.ConvertAll(values, v => (Half)v)).ToArray(),
            "BF16" => MemoryMarshal.AsBytes<ushort>(Array.ConvertAll(values, v => (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16))).ToArray(),
            _ => CheckpointFolder.Bytes(values),
        };
        float[] widened = type switch
        {
            "F16" => Array.ConvertAll(values, v => (float)(Half)v),
            "BF16" => Array.ConvertAll(values, v => BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(v) & 0xffff_0000)),
            _ => values,
        };
        float[] input = Numbers(5 * 53);
        using Checkpoint checkpoint = Open(("stored", type, [37, 53], bytes), ("widened", "F32", [37, 53], CheckpointFolder.Bytes(widened)));
        WeightMatrix stored = new StoredMatrix(checkpoint.Get("stored", 37, 53));

        Assert.Equal(
            Multiply(new StoredMatrix(checkpoint.Get("widened", 37, 53)), input, 5, KernelPaths.Best),
            Multiply(stored, input, 5, KernelPaths.Best));
        float[] row = new float[53];
        stored.ReadRow(36, row);
        Assert.Equal(widened[^53..], row);
    }

    [Fact]
    public void Multiply_OddShapes_VectorEqualsScalarAndIsCloseToDouble()
    {
        for (int run = 0; run < 150; run++)
        {
            int rows = _random.Next(1, 38), columns = _random.Next(1, 38), tokens = _random.Next(1, 38);
            float[] weights = Numbers(rows * columns), input = Numbers(tokens * columns);
            using Checkpoint checkpoint = Open(("w", "F32", [rows, columns], CheckpointFolder.Bytes(weights)));
            WeightMatrix matrix = new StoredMatrix(checkpoint.Get("w", rows, columns));

            float[] vector = Multiply(matrix, input, tokens, KernelPath.Scalar);

            foreach (KernelPath path in Enum.GetValues<KernelPath>().Where(KernelPaths.IsSupported))
                Assert.Equal(vector, Multiply(matrix, input, tokens, path));
            for (int i = 0; i < vector.Length; i++)
            {
                double exact = 0, size = 0;
                for (int k = 0; k < columns; k++)
                {
                    double product = (double)weights[i % rows * columns + k] * input[i / rows * columns + k];
                    exact += product;
                    size += Math.Abs(product);
                }
                Assert.InRange(vector[i], exact - 1e-5 * size, exact + 1e-5 * size);
            }
        }
    }

    [Fact]
    public void Multiply_LargeMatrix_AnyThreadsAndAnyTokensGiveTheSameBits()
    {
        const int rows = 403, columns = 771, tokens = 9;
        float[] input = Numbers(tokens * columns);
        using Checkpoint checkpoint = Open(("w", "F32", [rows, columns], CheckpointFolder.Bytes(Numbers(rows * columns))));
        WeightMatrix matrix = new StoredMatrix(checkpoint.Get("w", rows, columns));
        using WorkerPool one = new(1), five = new(5);

        float[] together = Multiply(matrix, input, tokens, KernelPaths.Best);

        foreach (KernelPath path in Enum.GetValues<KernelPath>().Where(KernelPaths.IsSupported))
            Assert.Equal(together, Multiply(matrix, input, tokens, path, one));
        Assert.Equal(together, Multiply(matrix, input, tokens, KernelPaths.Best, five));
        for (int token = 0; token < tokens; token++)
            Assert.Equal(together[(token * rows)..((token + 1) * rows)], Multiply(matrix, input[(token * columns)..((token + 1) * columns)], 1, KernelPaths.Best));
    }

    [Theory]
    [InlineData("F16")]
    [InlineData("BF16")]
    [InlineData("F32")]
    public void CopyRow_AnyRow_EqualsReadRows(string type)
    {
        byte[] bytes = CheckpointFolder.Bytes(Numbers(20 * 6));
        int columns = bytes.Length / 20 / (type == "F32" ? 4 : 2);
        using Checkpoint checkpoint = Open(("w", type, [20, columns], bytes));
        StoredTensor stored = checkpoint.Get("w", 20, columns);
        StoredTensor turned = stored.InOrder([.. Enumerable.Range(0, 20).Reverse()]);
        StoredTensor scaled = stored with { Scaling = Scaling.Of(Numbers(20), null, 1, columns) };
        float[] expected = new float[columns], copied = new float[columns];

        foreach (StoredTensor tensor in new[] { stored, turned, scaled })
        {
            for (int row = 0; row < 20; row++)
            {
                tensor.ReadRows(row, 1, expected);
                tensor.CopyRow(row, copied);
                Assert.Equal(expected, copied);
            }
        }
    }

    [Fact]
    public void CopyRow_FileWasCutShort_IsToldByName()
    {
        using Checkpoint checkpoint = Open(("w", "F32", [20, 6], CheckpointFolder.Bytes(Numbers(20 * 6))));
        StoredTensor tensor = checkpoint.Get("w", 20, 6);
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.CopyRow(20, new float[6]));
        using (FileStream file = new(_folder[WeightFiles.SingleFileName], FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            file.SetLength(tensor.Offset + 10);

        InferenceException exception = Assert.Throws<InferenceException>(() => tensor.CopyRow(0, new float[6]));

        Assert.Equal(InferenceFailure.NoUsableWeights, exception.Failure);
        Assert.Equal(_folder[WeightFiles.SingleFileName], exception.File);
    }

    [Fact]
    public void ReadRow_LargeTable_StaysOutOfMemory()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux tells which pages of a file are in memory.");
        const int rows = 1 << 13, columns = 1 << 9;
        float[] values = Numbers(rows * columns), row = new float[columns];
        string path = _folder.Write(WeightFiles.SingleFileName, CheckpointFolder.Encode($"{{\"w\":{{\"dtype\":\"F32\",\"shape\":[{rows},{columns}],\"data_offsets\":[0,{4 * values.Length}]}}}}", CheckpointFolder.Bytes(values)));
        using Checkpoint checkpoint = Checkpoint.Open(_folder.Folder, _folder.Choice);
        StoredMatrix table = new(checkpoint.Get("w", rows, columns));

        for (int i = 0; i < rows; i++)
        {
            table.ReadRow(i, row);
            Assert.True(row.AsSpan().SequenceEqual(values.AsSpan(i * columns, columns)));
        }

        // The header was read through the mapping, and large pages come with it.
        Assert.InRange(ResidentKilobytes(path), 0, 4 * values.Length / 2 / 1024);
    }

    [Fact]
    public void Constructor_RowsTooLongForOneSpan_IsRefused()
    {
        using MappedFile file = new(_folder.Write("empty", []));
        Assert.Throws<ArgumentException>(() => new StoredMatrix(new StoredTensor(file, "w", TensorType.F32, [4, int.MaxValue / 4], 0, 0)));
        Assert.Throws<OverflowException>(() => new StoredMatrix(new StoredTensor(file, "w", TensorType.F32, [1L << 40, 4], 0, 0)));
        Assert.Throws<ArgumentException>(() => new StoredMatrix(new StoredTensor(file, "w", TensorType.F32, [4], 0, 0)));
    }

    private float[] Multiply(WeightMatrix matrix, float[] input, int tokens, KernelPath path, WorkerPool? workers = null)
    {
        float[] output = new float[tokens * matrix.Rows];
        matrix.Multiply(input, tokens, output, new Compute(path, workers ?? _workers));
        return output;
    }

    /// <summary>How much of a mapped file counts as memory of this process.</summary>
    private static int ResidentKilobytes(string path) => File.ReadLines("/proc/self/smaps")
        .SkipWhile(line => !line.EndsWith(path, StringComparison.Ordinal))
        .Where(line => line.StartsWith("Rss:", StringComparison.Ordinal))
        .Select(line => int.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture))
        .First();

    private Checkpoint Open(params (string Name, string Type, long[] Shape, byte[] Data)[] tensors)
    {
        _folder.Write(WeightFiles.SingleFileName, CheckpointFolder.Encode(tensors));
        return Checkpoint.Open(_folder.Folder, _folder.Choice);
    }

    private float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(_random.NextDouble() * 4 - 2))];
}
