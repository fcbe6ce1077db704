using System.Text.Json;
using LlmService.Inference.Weights;
using LlmService.Inference.Weights.PyTorch;

namespace LlmService.Inference.Tests.Weights.PyTorch;

/// <summary>Files that PyTorch itself wrote, and files that it never writes.</summary>
public sealed class PyTorchFileTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();
    private readonly List<MappedFile> _files = [];

    public void Dispose()
    {
        _files.ForEach(file => file.Dispose());
        _folder.Dispose();
    }

    [Theory]
    [InlineData("zip.bin")]
    [InlineData("stream.bin")]
    [InlineData("nested.bin")]
    public void Read_FileOfPyTorch_HasItsTensors(string name)
    {
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(TestData.Fixture("pytorch", "expected.json")));

        IReadOnlyList<StoredTensor> tensors = ReadFixture(name);

        Assert.Equal(expected.RootElement.EnumerateObject().Select(entry => entry.Name), tensors.Select(tensor => tensor.Name));
        foreach (StoredTensor tensor in tensors)
        {
            JsonElement truth = expected.RootElement.GetProperty(tensor.Name);
            Assert.Equal(truth.GetProperty("type").GetString(), NameInPyTorch(tensor.Type));
            Assert.Equal(truth.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64()), tensor.Shape);
            if (truth.GetProperty("values") is { ValueKind: JsonValueKind.Array } values)
                Assert.Equal(values.EnumerateArray().Select(v => v.GetSingle()), tensor.ToArray());
        }
    }

    [Theory]
    [InlineData("zip.bin")]
    [InlineData("stream.bin")]
    public void Read_SharedStorage_IsOnePlaceInTheFile(string name)
    {
        Dictionary<string, StoredTensor> tensors = ReadFixture(name).ToDictionary(tensor => tensor.Name);

        Assert.Equal(tensors["shared.weight"].Offset, tensors["encoder.embed_tokens.weight"].Offset);
        Assert.Equal(tensors["shared.weight"].Offset + 3 * sizeof(float), tensors["rows"].Offset);
        Assert.IsType<MappedFile>(tensors["rows"].File);
        Assert.IsNotType<MappedFile>(tensors["transposed"].File);
    }

    [Fact]
    public void Read_WholeModuleOfPyTorch_IsRefusedByTheNameOfItsCode()
    {
        InferenceException exception = Assert.Throws<InferenceException>(() => ReadFixture("module.bin"));

        Assert.Equal(InferenceFailure.NoUsableWeights, exception.Failure);
        Assert.Contains("'torch.nn.modules.linear.Linear' would run code", exception.Message, StringComparison.Ordinal);
        Assert.NotNull(exception.Remedy);
    }

    // torch/_tensor.py since 2.1: types without a storage of their own keep bytes, and tell the type with each tensor.
    [Fact]
    public void Read_Float8OfNewerVersions_HasItsType()
    {
        StoredTensor tensor = Assert.Single(Read(TorchFile.Zip(list => list.Op('}').Text("w").Global("torch._utils", "_rebuild_tensor_v3").Op('(')
            .Storage("UntypedStorage", "0", 16).Integer(4).Integers(3, 4).Integers(4, 1).Op('\x89').EmptyOrderedDict().Global("torch", "float8_e4m3fn").Op('t').Op('R').Op('s'))));

        Assert.Equal((TensorType.F8E4M3, 12L), (tensor.Type, tensor.ByteCount));
    }

    [Theory]
    [InlineData("os", "system")]
    [InlineData("posix", "system")]
    [InlineData("builtins", "eval")]
    [InlineData("torch._utils", "_rebuild_qtensor")]
    [InlineData("torch", "load")]
    [InlineData("collections", "OrderedDict ")]
    public void Read_AnyOtherName_IsRefusedAndNothingRuns(string module, string name)
    {
        string mark = _folder["ran"];

        InferenceException exception = Refused(TorchFile.Zip(list => list.Global(module, name).Op('(').Text($"touch {mark}").Op('t').Op('R')), InferenceFailure.NoUsableWeights);

        Assert.Contains($"'{module}.{name}' would run code", exception.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(mark));
    }

    [Fact]
    public void Read_StorageOfUnknownNumbers_IsRefusedByName() =>
        Assert.Contains("torch.ComplexFloatStorage", Refused(TorchFile.Zip(list => list.Global("torch", "ComplexFloatStorage")), InferenceFailure.NoUsableWeights).Message, StringComparison.Ordinal);

    // Each list holds the one before twice: a reader that unrolled it would need 2^60 places.
    [Fact]
    public void Read_MemoThatDoublesItself_CostsNothing()
    {
        InferenceException exception = Refused(TorchFile.Zip(list =>
        {
            list.Op('}').Text("w").Op('N').Op('q', 0);
            for (int i = 0; i < 60; i++)
                list.Op('h', 0).Op('\x86').Op('q', 0);
            list.Op('s');
        }), InferenceFailure.NoUsableWeights);

        Assert.Contains("something else than a tensor under 'w'", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_DeepNesting_IsRefused() =>
        Assert.Contains("nested deeper", Refused(TorchFile.Zip(list => Repeat(list, 1000, '(')), InferenceFailure.CorruptModel).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_ValuesWithoutEnd_AreRefused() =>
        Assert.Contains("values at once", Refused(TorchFile.Zip(list => Repeat(list, 300_000, '}')), InferenceFailure.CorruptModel).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_StepsWithoutEnd_AreRefused() =>
        Assert.Contains("steps", Refused(TorchFile.Zip(list => Repeat(list.Op('N'), 2_000_000, '\x85')), InferenceFailure.CorruptModel).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("behind its storage", 4, 0, new long[] { 5 }, new long[] { 1 })]
    [InlineData("behind its storage", 4, 1, new long[] { 4 }, new long[] { 1 })]
    [InlineData("behind its storage", 4, 0, new long[] { 2 }, new long[] { 4 })]
    [InlineData("behind its storage", 4, long.MaxValue, new long[] { 1 }, new long[] { 1 })]
    [InlineData("whole number from 0", 4, 3, new long[] { 2 }, new long[] { -1 })]
    [InlineData("whole number from 0", 4, -1, new long[] { 2 }, new long[] { 1 })]
    [InlineData("whole number from 0", 4, 0, new long[] { -2, -2 }, new long[] { 1, 1 })]
    [InlineData("impossibly large", 4, 0, new long[] { long.MaxValue }, new long[] { 1 })]
    [InlineData("behind its storage", 4, 0, new long[] { 2 }, new long[] { long.MaxValue })]
    [InlineData("impossibly large", 4, 0, new long[] { 3 }, new long[] { long.MaxValue })]
    [InlineData("impossibly large", 4, 0, new long[] { 1L << 40, 1L << 40 }, new long[] { 0, 0 })]
    [InlineData("too large to be rearranged", 4, 0, new long[] { 1 << 30 }, new long[] { 0 })]
    [InlineData("dimensions", 4, 0, new long[] { 2, 2 }, new long[] { 1 })]
    [InlineData("storage of 20 bytes", 5, 0, new long[] { 2 }, new long[] { 1 })]
    [InlineData("storage of 12 bytes", 3, 0, new long[] { 2 }, new long[] { 1 })]
    [InlineData("impossibly large", long.MaxValue, 0, new long[] { 2 }, new long[] { 1 })]
    [InlineData("refers to data", -1, 0, new long[] { 2 }, new long[] { 1 })]
    public void Read_TensorThatDoesNotFit_IsRefused(string expected, long count, long offset, long[] shape, long[] strides)
    {
        byte[] file = TorchFile.Zip(list => list.Op('}').Text("the.tensor").Tensor("FloatStorage", "0", count, offset, shape, strides).Op('s'));

        Assert.Contains(expected, Refused(file, InferenceFailure.CorruptModel).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("../data.pkl")]
    [InlineData("")]
    public void Read_StorageThatIsNotThere_NamesTheTensor(string key)
    {
        byte[] file = TorchFile.Zip(list => list.Op('}').Text("the.tensor").Tensor("FloatStorage", key, 4, 0, [4], [1]).Op('s'));

        Assert.Equal("the.tensor", Refused(file, InferenceFailure.CorruptModel).Tensor);
    }

    [Fact]
    public void Read_OneStorageOfTwoTypes_IsRefused() =>
        Assert.Contains("in two ways", Refused(TorchFile.Zip(list => list.Op('}').Op('(')
            .Text("a").Tensor("FloatStorage", "0", 4, 0, [4], [1]).Text("b").Tensor("HalfStorage", "0", 8, 0, [8], [1]).Op('u')), InferenceFailure.CorruptModel).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("opcode 0x69", new byte[] { 0x80, 2, (byte)'i' })]
    [InlineData("protocol 4", new byte[] { 0x80, 4, (byte)'N', (byte)'.' })]
    [InlineData("cut off", new byte[] { 0x80, 2, (byte)'N' })]
    [InlineData("cut off", new byte[] { 0x80, 2, (byte)'X', 9, 0, 0, 0, (byte)'a' })]
    [InlineData("a text of 4294967295 bytes", new byte[] { 0x80, 2, (byte)'X', 255, 255, 255, 255, (byte)'.' })]
    [InlineData("not UTF-8", new byte[] { 0x80, 2, (byte)'X', 1, 0, 0, 0, 0xff, (byte)'.' })]
    [InlineData("whole number of 200 bytes", new byte[] { 0x80, 2, 0x8a, 200 })]
    [InlineData("never kept", new byte[] { 0x80, 2, (byte)'h', 3, (byte)'.' })]
    [InlineData("not there", new byte[] { 0x80, 2, (byte)'.' })]
    [InlineData("not there", new byte[] { 0x80, 2, (byte)'N', (byte)'(', 0x85, (byte)'.' })]
    [InlineData("not there", new byte[] { 0x80, 2, (byte)'q', 0, (byte)'.' })]
    [InlineData("never began", new byte[] { 0x80, 2, (byte)'N', (byte)'t', (byte)'.' })]
    [InlineData("no function", new byte[] { 0x80, 2, (byte)'N', (byte)')', (byte)'R', (byte)'.' })]
    [InlineData("no list", new byte[] { 0x80, 2, (byte)'N', (byte)'N', (byte)'a', (byte)'.' })]
    [InlineData("no dictionary", new byte[] { 0x80, 2, (byte)']', (byte)'N', (byte)'N', (byte)'s', (byte)'.' })]
    [InlineData("attributes", new byte[] { 0x80, 2, (byte)'N', (byte)'N', (byte)'b', (byte)'.' })]
    [InlineData("dictionary key", new byte[] { 0x80, 2, (byte)'}', (byte)']', (byte)'N', (byte)'s', (byte)'.' })]
    [InlineData("refers to data", new byte[] { 0x80, 2, (byte)'N', (byte)'Q', (byte)'.' })]
    [InlineData("name without an end", new byte[] { 0x80, 2, (byte)'c', (byte)'o', (byte)'s' })]
    public void Read_DamagedList_IsRefused(string expected, byte[] list) =>
        Assert.Contains(expected, Refused(TorchFile.Zip(list, new byte[16]), InferenceFailure.CorruptModel).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_NoTensors_IsRefused()
    {
        Refused(TorchFile.Zip(list => list.Op('}')), InferenceFailure.NoUsableWeights);
        Refused(TorchFile.Zip(list => list.Op('N')), InferenceFailure.NoUsableWeights);
        Refused(TorchFile.Zip(list => list.Op('}').Text("layers").Op('}').Text("w").Tensor("FloatStorage", "0", 4, 0, [4], [1]).Op('s').Op('s')), InferenceFailure.NoUsableWeights);
    }

    [Fact]
    public void Read_BigEndian_IsRefused()
    {
        Assert.Contains("big endian", Refused([.. TorchFile.StreamStart(isLittleEndian: false), .. TorchPickle.Of(list => list.Op('}'))], InferenceFailure.NoUsableWeights).Message, StringComparison.Ordinal);
        ZipWriter zip = new();
        zip.Add("m/data.pkl", TorchPickle.Of(list => list.Op('}')));
        zip.Add("m/byteorder", "big"u8.ToArray());
        Assert.Contains("big endian", Refused(zip.Finish(), InferenceFailure.NoUsableWeights).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_StreamCutAnywhere_IsRefused()
    {
        byte[] whole = File.ReadAllBytes(TestData.Fixture("pytorch", "stream.bin"));
        for (int length = 0; length < whole.Length; length++)
            Refused(whole[..length], InferenceFailure.CorruptModel);
    }

    [Fact]
    public void Read_SomethingElse_IsRefused() =>
        Assert.Contains("neither", Refused("PK and more that is no archive"u8.ToArray(), InferenceFailure.CorruptModel).Message, StringComparison.Ordinal);

    private static void Repeat(TorchPickle pickle, int count, char opcode)
    {
        for (int i = 0; i < count; i++)
            pickle.Op(opcode);
    }

    private static string NameInPyTorch(TensorType type) => type switch
    {
        TensorType.F64 => "float64",
        TensorType.F32 => "float32",
        TensorType.F16 => "float16",
        TensorType.Bf16 => "bfloat16",
        _ => TensorFormat.NameOf(type),
    };

    private InferenceException Refused(byte[] content, InferenceFailure failure)
    {
        InferenceException exception = Assert.Throws<InferenceException>(() => Read(content));
        Assert.Equal((failure, _folder["x.bin"]), (exception.Failure, exception.File));
        return exception;
    }

    private IReadOnlyList<StoredTensor> ReadFixture(string name) => Map(TestData.Fixture("pytorch", name));

    private IReadOnlyList<StoredTensor> Read(byte[] content) => Map(_folder.Write("x.bin", content));

    private IReadOnlyList<StoredTensor> Map(string path)
    {
        MappedFile file = new(path);
        _files.Add(file);
        return PyTorchFile.Read(file);
    }
}
