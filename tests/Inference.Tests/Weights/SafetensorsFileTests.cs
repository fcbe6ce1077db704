using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Weights;

public sealed class SafetensorsFileTests : IDisposable
{
    private const int FuzzSeed = 20_261_123;
    private const int FuzzRuns = 3000;

    private readonly CheckpointFolder _folder = new();

    public static TheoryData<string, byte[]> DamagedStarts => new()
    {
        { "0 bytes", [] },
        { "7 bytes", new byte[7] },
        { "1152921504606846976 bytes", [.. Length(1L << 60), .. new byte[8]] },
        { "18446744073709551615 bytes", [.. Length(-1), .. new byte[8]] },
        { "cut off", [.. Length(100), .. new byte[99]] },
        { "not JSON", [.. Length(0), .. new byte[8]] },
        { "not JSON", CheckpointFolder.Encode("{\"a\":", []) },
        { "not JSON", CheckpointFolder.Encode("{} trailing", []) },
        { "not JSON", CheckpointFolder.Encode("{\"__metadata__\":" + new string('[', 50_000) + new string(']', 50_000) + "}", []) },
        { "not JSON", CheckpointFolder.Encode("{\"\\ud800\":1}", []) },
        { "not JSON", [.. Length(7), (byte)0x7b, (byte)0x22, 0xff, .. Encoding.ASCII.GetBytes("\":1}")] },
        { "not a JSON object", CheckpointFolder.Encode("[]", []) },
        { "not a JSON object", CheckpointFolder.Encode("3", []) },
    };

    public static TheoryData<string> DamagedTensors =>
    [
        "1", "{}", "[]", "null",
        Entry("F32", "[2]", "[0]"), Entry("F32", "[2]", "[0,8,16]"), Entry("F32", "[2]", "{}"), Entry("F32", "2", "[0,8]"), Entry("F32", "[2]", "[\"0\",8]"),
        Entry("F32", "[2]", "[-8,0]"), Entry("F32", "[2]", "[8,0]"), Entry("F32", "[2]", "[12,20]"), Entry("F32", "[2]", "[9223372036854775800,9223372036854775807]"),
        Entry("F32", "[2]", "[0,99999999999999999999]"), Entry("F32", "[2]", "[0.5,8.5]"),
        Entry("F32", "[3]", "[0,8]"), Entry("F16", "[2]", "[0,8]"), Entry("F32", "[]", "[0,8]"), Entry("F32", "[-2]", "[0,8]"), Entry("F32", "[2.5]", "[0,8]"),
        Entry("F32", "[1099511627776,1099511627776]", "[0,8]"), Entry("F32", "[4294967296,4294967296]", "[0,0]"), Entry("F32", "[9223372036854775807]", "[0,16]"),
    ];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("F32", 4)]
    [InlineData("F16", 2)]
    [InlineData("BF16", 2)]
    [InlineData("F64", 8)]
    [InlineData("F8_E4M3", 1)]
    [InlineData("I8", 1)]
    [InlineData("U8", 1)]
    [InlineData("I16", 2)]
    [InlineData("I32", 4)]
    [InlineData("I64", 8)]
    [InlineData("BOOL", 1)]
    public void Read_GoodFile_ListsTypesShapesAndPlaces(string type, int size)
    {
        byte[] content = CheckpointFolder.Encode(("a", type, [2, 3], new byte[6 * size]), ("b", type, [0, 5], []), ("c", type, [], new byte[size]));

        IReadOnlyList<StoredTensor> tensors = Read(content, out MappedFile file);

        Assert.Equal(["a", "b", "c"], tensors.Select(t => t.Name));
        Assert.All(tensors, t => Assert.Equal(type.Replace("_", "", StringComparison.Ordinal), t.Type.ToString().ToUpperInvariant()));
        Assert.Equal([2, 3], tensors[0].Shape);
        Assert.Equal([6L * size, 0, size], tensors.Select(t => t.ByteCount));
        Assert.Equal(content.Length - 7 * size, tensors[0].Offset);
        file.Dispose();
    }

    [Fact]
    public void Read_Metadata_IsNoTensor()
    {
        Assert.Empty(Read(CheckpointFolder.Encode("{\"__metadata__\":{\"format\":\"pt\"}}   ", []), out MappedFile file));
        file.Dispose();
    }

    [Theory]
    [MemberData(nameof(DamagedStarts))]
    public void Read_DamagedHeader_NamesTheFile(string expected, byte[] content)
    {
        InferenceException exception = Assert.Throws<InferenceException>(() => Read(content, out _));

        Assert.Equal(InferenceFailure.CorruptModel, exception.Failure);
        Assert.Equal(_folder["x.safetensors"], exception.File);
        Assert.Contains(_folder["x.safetensors"], exception.Message, StringComparison.Ordinal);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(DamagedTensors))]
    public void Read_DamagedTensor_NamesFileAndTensor(string entry) =>
        AssertRefused($"{{\"the.tensor\":{entry}}}", InferenceFailure.CorruptModel);

    [Theory]
    [InlineData("U64")]
    [InlineData("F8_E5M2")]
    [InlineData("f32")]
    [InlineData("")]
    public void Read_UnknownType_NamesFileTensorAndType(string type)
    {
        InferenceException exception = AssertRefused($"{{\"the.tensor\":{Entry(type, "[2]", "[0,8]")}}}", InferenceFailure.NoUsableWeights);

        Assert.Contains($"as {type};", exception.Message, StringComparison.Ordinal);
        Assert.Contains("--weights", exception.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_DuplicateName_IsRefused() =>
        AssertRefused($"{{\"the.tensor\":{Entry("F32", "[2]", "[0,8]")},\"the.tensor\":{Entry("F32", "[2]", "[8,16]")}}}", InferenceFailure.CorruptModel);

    [Fact]
    public void Read_Overlap_IsRefused() =>
        AssertRefused($"{{\"a\":{Entry("F32", "[2]", "[0,8]")},\"the.tensor\":{Entry("F32", "[2]", "[4,12]")}}}", InferenceFailure.CorruptModel);

    [Fact]
    public void Load_MutatedHeader_LoadsOrIsRefused()
    {
        using CheckpointFolder model = CheckpointFolder.CopyOf("qwen2-tied");
        string path = model[WeightFiles.SingleFileName];
        byte[] original = File.ReadAllBytes(path);
        int header = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(original);
        ModelConfiguration configuration = ModelConfiguration.Load(model.Folder);
        using WorkerPool workers = new(1);
        EngineOptions options = new() { Workers = workers };
        Random random = new(FuzzSeed);
        int refused = 0;

        for (int run = 0; run < FuzzRuns; run++)
        {
            byte[] mutated = original[..header];
            for (int i = random.Next(1, 4); i > 0; i--)
                Mutate(mutated, random);
            using (FileStream stream = new(path, FileMode.Open, FileAccess.Write))
                stream.Write(mutated);
            try
            {
                ModelLoader.Load(model.Folder, configuration, options).Dispose();
            }
            catch (InferenceException e)
            {
                Assert.NotEmpty(e.Message);
                refused++;
            }
        }
        Assert.InRange(refused, FuzzRuns / 2, FuzzRuns);
    }

    [Fact]
    public void Load_TruncatedAnywhere_IsRefused()
    {
        using CheckpointFolder model = CheckpointFolder.CopyOf("flan-t5");
        byte[] original = File.ReadAllBytes(model[WeightFiles.SingleFileName]);
        ModelConfiguration configuration = ModelConfiguration.Load(model.Folder);
        using WorkerPool workers = new(1);
        for (int length = 0; length < original.Length; length += original.Length / 50)
        {
            model.Write(WeightFiles.SingleFileName, original[..length]);
            InferenceException exception = Assert.Throws<InferenceException>(() => ModelLoader.Load(model.Folder, configuration, new EngineOptions { Workers = workers }));
            Assert.Equal(InferenceFailure.CorruptModel, exception.Failure);
            Assert.Equal(model[WeightFiles.SingleFileName], exception.File);
        }
    }

    private static void Mutate(byte[] header, Random random)
    {
        const string likely = "0123456789[]{}\",:-\\u.e";
        int at = random.Next(4) == 0 ? random.Next(8) : random.Next(header.Length);
        header[at] = random.Next(3) switch
        {
            0 => (byte)random.Next(256),
            1 => (byte)likely[random.Next(likely.Length)],
            _ => (byte)(header[at] ^ (1 << random.Next(8))),
        };
    }

    private static string Entry(string type, string shape, string offsets) => $"{{\"dtype\":\"{type}\",\"shape\":{shape},\"data_offsets\":{offsets}}}";

    private static byte[] Length(long value)
    {
        byte[] bytes = new byte[8];
        MemoryMarshal.Write(bytes, value);
        return bytes;
    }

    private InferenceException AssertRefused(string header, InferenceFailure failure)
    {
        InferenceException exception = Assert.Throws<InferenceException>(() => Read(CheckpointFolder.Encode(header, new byte[16]), out _));
        Assert.Equal(failure, exception.Failure);
        Assert.Equal(_folder["x.safetensors"], exception.File);
        Assert.Equal("the.tensor", exception.Tensor);
        Assert.Contains("the.tensor", exception.Message, StringComparison.Ordinal);
        return exception;
    }

    private IReadOnlyList<StoredTensor> Read(byte[] content, out MappedFile file)
    {
        file = new MappedFile(_folder.Write("x.safetensors", content));
        try
        {
            return SafetensorsFile.Read(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
