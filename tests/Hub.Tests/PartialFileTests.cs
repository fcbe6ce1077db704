using System.Text;

namespace LlmService.Hub;

public sealed class PartialFileTests : IDisposable
{
    private static readonly byte[] Bytes = [.. Enumerable.Range(0, 1000).Select(i => (byte)(i * 7))];
    private static readonly string Tag = LoopbackHub.RepositoryContent.Of(Bytes, isLfs: true).Sha256;

    private readonly string _folder = Directory.CreateTempSubdirectory("partial-").FullName;

    private string PathOfFile => Path.Combine(_folder, "tag.llm-service.incomplete");

    private string PathOfJournal => Path.Combine(_folder, "tag.llm-service.parts.incomplete");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Open_AfterAKill_KnowsWhatTheJournalTells()
    {
        using (PartialFile first = PartialFile.Open(PathOfFile, Bytes.Length))
        {
            first.BeginRanges();
            PartialFile.Part one = first.Claim(300)!, two = first.Claim(300)!, three = first.Claim(300)!;
            Assert.Equal([0, 300, 600], new[] { one, two, three }.Select(part => part.Position));
            await WriteAsync(first, three, 300);
            await WriteAsync(first, one, 100);
            first.Release(three);
            first.Release(one);
            // Two brought nothing, and nobody said good-bye.
        }

        using PartialFile next = PartialFile.Open(PathOfFile, Bytes.Length);

        Assert.Equal(400, next.ArrivedBytes);
        Assert.Equal(500, PartialFile.GapBytes(PathOfFile));
        Assert.Equal((100, 600), Ends(next.Claim(long.MaxValue)!));
        Assert.Equal((900, 1000), Ends(next.Claim(long.MaxValue)!));
        Assert.Null(next.Claim(long.MaxValue));
    }

    [Theory]
    [InlineData("parts 1 1000\n0-100\n600-700\n8", 200)]
    [InlineData("parts 1 1000\n0-100\n600-7", 100)]
    [InlineData("parts 1 1000\n0-100\n600-99999\n", 500)]
    [InlineData("parts 1 1000\n-5-100\n7-3\nx-y\n\n", 0)]
    [InlineData("parts 1 999\n0-100\n", 0)]
    [InlineData("par", 0)]
    [InlineData("", 0)]
    public async Task Open_TornOrForeignJournal_TrustsNoMoreThanItSays(string journal, long expected)
    {
        await File.WriteAllBytesAsync(PathOfFile, Bytes, Cancel);
        await File.WriteAllTextAsync(PathOfJournal, journal, Cancel);

        using PartialFile partial = PartialFile.Open(PathOfFile, Bytes.Length);

        Assert.Equal(expected, partial.ArrivedBytes);
    }

    [Fact]
    public async Task Open_TornLine_DoesNotSpoilTheNextOne()
    {
        await File.WriteAllBytesAsync(PathOfFile, Bytes, Cancel);
        await File.WriteAllTextAsync(PathOfJournal, "parts 1 1000\n0-100\n60", Cancel);
        using (PartialFile partial = PartialFile.Open(PathOfFile, Bytes.Length))
        {
            PartialFile.Part part = partial.Claim(50)!;
            await WriteAsync(partial, part, 50);
            partial.Release(part);
        }

        using PartialFile next = PartialFile.Open(PathOfFile, Bytes.Length);

        Assert.Equal(150, next.ArrivedBytes);
    }

    [Fact]
    public void Open_JournalIsALink_TouchesNothingBehindIt()
    {
        string precious = Path.Combine(_folder, "precious");
        File.WriteAllText(precious, "mine");
        File.CreateSymbolicLink(PathOfJournal, precious);

        using (PartialFile partial = PartialFile.Open(PathOfFile, Bytes.Length))
            partial.BeginRanges();

        Assert.Equal("mine", File.ReadAllText(precious));
    }

    [Fact]
    public async Task HashAsync_PartsInAnyOrder_IsTheHashOfTheFile()
    {
        using PartialFile partial = PartialFile.Open(PathOfFile, Bytes.Length);
        partial.BeginRanges();
        Task<bool> hashing = Task.Run(() => partial.HashAsync(Tag, Cancel), Cancel);
        PartialFile.Part[] parts = [.. Enumerable.Range(0, 10).Select(_ => partial.Claim(100)!)];

        foreach (PartialFile.Part part in parts.Reverse())
        {
            await WriteAsync(partial, part, 100);
            partial.Release(part);
        }

        Assert.True(await hashing);
    }

    [Fact]
    public async Task HashAsync_RestartInTheMiddle_BeginsAnew()
    {
        using PartialFile partial = PartialFile.Open(PathOfFile, Bytes.Length);
        Task<bool> hashing = Task.Run(() => partial.HashAsync(Tag, Cancel), Cancel);
        PartialFile.Part part = partial.Claim(long.MaxValue)!;
        await partial.WriteAsync(part, new byte[500], Cancel);
        await Task.Yield();

        partial.Restart(part);
        await WriteAsync(partial, part, 1000);

        Assert.True(await hashing);
    }

    [Fact]
    public async Task HashAsync_OtherBytes_IsFalse()
    {
        await File.WriteAllBytesAsync(PathOfFile, new byte[1000], Cancel);
        using PartialFile partial = PartialFile.Open(PathOfFile, Bytes.Length);

        Assert.True(partial.IsComplete);
        Assert.False(await partial.HashAsync(Tag, Cancel));
    }

    [Fact]
    public async Task Finish_LeavesNoJournal()
    {
        using PartialFile partial = PartialFile.Open(PathOfFile, Bytes.Length);
        partial.BeginRanges();
        Assert.StartsWith("parts 1 1000\n", await ReadJournalAsync(), StringComparison.Ordinal);

        partial.Finish();

        Assert.Equal([PathOfFile], Directory.GetFiles(_folder));
    }

    private async Task<string> ReadJournalAsync()
    {
        using var stream = new FileStream(PathOfJournal, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream, Encoding.ASCII);
        return await reader.ReadToEndAsync(Cancel);
    }

    private static Task WriteAsync(PartialFile partial, PartialFile.Part part, int count) =>
        partial.WriteAsync(part, Bytes.AsMemory((int)part.Position, count), Cancel);

    private static (long From, long End) Ends(PartialFile.Part part) => (part.Position, part.End);
}
