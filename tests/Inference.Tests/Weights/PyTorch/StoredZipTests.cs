using LlmService.Inference.Weights;
using LlmService.Inference.Weights.PyTorch;

namespace LlmService.Inference.Tests.Weights.PyTorch;

public sealed class StoredZipTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Read_StoredEntries_TellsWhereTheyLie(bool zip64)
    {
        ZipWriter zip = new();
        zip.Add("m/a", [1, 2, 3]);
        zip.Add("m/empty", []);
        zip.Add("m/b", [4]);
        byte[] content = zip.Finish(zip64);

        Dictionary<string, (long Offset, long Length)> entries = Read(content);

        Assert.Equal(["m/a", "m/empty", "m/b"], entries.Keys);
        Assert.Equal([1, 2, 3], Bytes("m/a"));
        Assert.Equal([], Bytes("m/empty"));
        Assert.Equal([4], Bytes("m/b"));

        byte[] Bytes(string name) => content.AsSpan((int)entries[name].Offset, (int)entries[name].Length).ToArray();
    }

    [Fact]
    public void Read_ArchiveWithAComment_IsRead()
    {
        ZipWriter zip = new();
        zip.Add("m/a", [1]);
        byte[] content = zip.Finish(zip64: false);
        content[^2] = 5;

        Assert.Single(Read([.. content, .. "hello"u8]));
    }

    [Fact]
    public void Read_Compressed_IsRefused() => Refused("compressed", new() { Method = 8 });

    [Fact]
    public void Read_Encrypted_IsRefused() => Refused("encrypted", new() { Flags = 1 });

    [Theory]
    [InlineData("../data.pkl")]
    [InlineData("m/../../etc/passwd")]
    [InlineData("/etc/passwd")]
    [InlineData("m\\a")]
    [InlineData("m/\n")]
    public void Read_NameThatIsNoPlainPath_IsRefused(string name)
    {
        ZipWriter zip = new();
        zip.Add(name, [1]);
        Refused("no plain path", zip);
    }

    [Fact]
    public void Read_Overlap_IsRefused()
    {
        // A whole entry inside of another one's bytes.
        ZipWriter inner = new(), zip = new();
        inner.Add("m/b", [1, 2, 3, 4]);
        zip.Add("m/a", inner.Finish());
        zip.Describe("m/b", 64, 4, 4);
        Refused("overlap", zip);
    }

    [Theory]
    [InlineData(1L << 20, 4, 4, "outside")]
    [InlineData(-1L, 4, 4, "damaged directory")]
    [InlineData(long.MaxValue, 4, 4, "outside")]
    [InlineData(0, 1L << 40, 1L << 40, "outside")]
    [InlineData(0, long.MaxValue, long.MaxValue, "outside")]
    [InlineData(0, 4, 5, "two sizes")]
    [InlineData(1, 4, 4, "otherwise")]
    public void Read_EntryThatIsNotThere_IsRefused(long header, long size, long stored, string expected)
    {
        ZipWriter zip = new();
        zip.Add("m/a", new byte[100]);
        zip.Describe("m/a", header, size, stored);
        Refused(expected, zip);
    }

    [Fact]
    public void Read_EntryTwice_IsRefused()
    {
        ZipWriter zip = new();
        zip.Add("m/a", [1]);
        zip.Add("m/a", [2]);
        Refused("twice", zip);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(1_000_000)]
    [InlineData(long.MaxValue)]
    [InlineData(-1)]
    public void Read_AnotherCountOfEntries_IsRefused(long count)
    {
        ZipWriter zip = new();
        zip.Add("m/a", [1]);
        Assert.Equal(InferenceFailure.CorruptModel, Assert.Throws<InferenceException>(() => Read(zip.Finish(count: count))).Failure);
    }

    [Fact]
    public void Read_CutAnywhere_IsRefused()
    {
        ZipWriter zip = new();
        zip.Add("m/a", new byte[100]);
        zip.Add("m/b", new byte[10]);
        byte[] whole = zip.Finish();
        for (int length = 0; length < whole.Length; length++)
            Assert.Throws<InferenceException>(() => Read(whole[..length]));
    }

    private void Refused(string expected, ZipWriter zip)
    {
        zip.Add("m/last", [1]);
        InferenceException exception = Assert.Throws<InferenceException>(() => Read(zip.Finish()));
        Assert.Equal((InferenceFailure.CorruptModel, _folder["x.bin"]), (exception.Failure, exception.File));
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    private Dictionary<string, (long Offset, long Length)> Read(byte[] content)
    {
        using MappedFile file = new(_folder.Write("x.bin", content));
        return StoredZip.Read(file);
    }
}
