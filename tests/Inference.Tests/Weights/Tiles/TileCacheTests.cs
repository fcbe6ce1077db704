using System.Buffers.Binary;
using LlmService.Inference.Kernels;
using LlmService.Inference.Tests.Architectures;
using LlmService.Inference.Weights;
using LlmService.Inference.Weights.Tiles;

namespace LlmService.Inference.Tests.Weights.Tiles;

public sealed class TileCacheTests : IDisposable
{
    private const long Large = 1 << 30;

    private readonly CheckpointFolder _model = CheckpointFolder.CopyOf("qwen2-tied");
    private readonly CheckpointFolder _home = new();

    private string Folder => _home["tiles"];

    public void Dispose()
    {
        _model.Dispose();
        _home.Dispose();
    }

    [Theory]
    [InlineData("qwen2-tied", ComputeFormat.Q4)]
    [InlineData("flan-t5", ComputeFormat.Q8)]
    [InlineData("flan-t5", ComputeFormat.Q4)]
    [InlineData("mistral-sliding", ComputeFormat.Q8)]
    public void Load_Twice_ComputesTheSameLogitsFromTheCache(string golden, ComputeFormat format)
    {
        using CheckpointFolder model = CheckpointFolder.CopyOf(golden);
        float[] packed = Logits(model.Folder, format);
        DateTime written = Only().LastUsed;
        byte[] content = File.ReadAllBytes(PathOf(Only()));

        float[] mapped = Logits(model.Folder, format);

        Assert.Equal(packed, mapped);
        Assert.Equal(content, File.ReadAllBytes(PathOf(Only())));
        Assert.True(Only().LastUsed >= written);
    }

    [Theory]
    [InlineData("granitemoe")]
    [InlineData("gpt-oss")]
    [InlineData("gpt2")]
    [InlineData("falcon-new-decoder")]
    public void Load_MatricesOutOfPartsOfTensors_AreToldApart(string golden)
    {
        string folder = TestData.Shared("golden", golden);
        float[] plain = Logits(folder, ComputeFormat.Q8, null);

        Assert.Equal(plain, Logits(folder, ComputeFormat.Q8));
        Assert.Equal(plain, Logits(folder, ComputeFormat.Q8));
    }

    [Fact]
    public void Load_SoundFile_IsWhatIsComputedWith()
    {
        float[] packed = Logits(_model.Folder, ComputeFormat.Q4);
        string path = PathOf(Only());
        byte[] file = File.ReadAllBytes(path);
        // Weights of all matrices: one token alone does not use those of queries and keys.
        long end = BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(TileFile.TableAt));
        for (long at = TileFile.DataStart + 3; at < end; at += 512)
            file[at] ^= 0x77;
        WriteSealed(path, file);

        Assert.NotEqual(packed, Logits(_model.Folder, ComputeFormat.Q4));
        Assert.Equal(file, File.ReadAllBytes(path));
    }

    [Fact]
    public void Open_SoundFileWithEntriesThatLeaveIt_IsRefused()
    {
        Logits(_model.Folder, ComputeFormat.Q4);
        string path = PathOf(Only());
        byte[] good = File.ReadAllBytes(path), identity = good[TileFile.IdentityAt..(TileFile.IdentityAt + TileFile.IdentityBytes)];
        int entry = (int)BinaryPrimitives.ReadInt64LittleEndian(good.AsSpan(TileFile.TableAt));
        using WorkerPool workers = new(1);
        // Where the tiles begin and end, and the scales of the rows.
        foreach (int field in new[] { 16, 24, 32, 40 })
        {
            foreach (long value in new[] { -64, long.MinValue, long.MaxValue, long.MaxValue / 64 * 64, (long)good.Length, 1L << 40 })
            {
                byte[] bad = [.. good];
                BinaryPrimitives.WriteInt64LittleEndian(bad.AsSpan(entry + field), value);
                WriteSealed(path, bad);
                Assert.Null(TileFile.Open(path, identity, workers));
            }
        }
    }

    [Fact]
    public void Load_EightBitGraph_KeepsTheScalesOfItsRows()
    {
        string folder = TestData.Fixture("golden", "onnx-qwen2");

        float[] packed = Logits(folder, ComputeFormat.Q8);

        Assert.Equal(packed, Logits(folder, ComputeFormat.Q8));
        Assert.Equal(packed, Logits(folder, ComputeFormat.Q8, cache: null));
    }

    [Fact]
    public void Load_AnyByteFlipped_PacksAnewAndMends()
    {
        float[] packed = Logits(_model.Folder, ComputeFormat.Q4);
        string path = PathOf(Only());
        byte[] good = File.ReadAllBytes(path);
        Random random = new(11);
        // The header's fields, the rest of its page, the matrices, the table.
        int[] places = [0, TileFile.VersionAt, TileFile.EntriesAt + 3, TileFile.TableAt, TileFile.TableAt + 7, TileFile.LengthAt + 5, TileFile.IdentityAt + 31, TileFile.TableSumAt, TileFile.HeaderSumAt + 15,
            TileFile.DataStart, .. Enumerable.Range(0, 20).Select(_ => random.Next(TileFile.DataStart, good.Length)), good.Length - 1];
        foreach (int place in places)
        {
            byte[] bad = [.. good];
            bad[place] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, bad);

            Assert.Equal(packed, Logits(_model.Folder, ComputeFormat.Q4));
            Assert.Equal(good, File.ReadAllBytes(path));
        }
    }

    [Fact]
    public void Load_TruncatedLongerOrEmptyFile_PacksAnewAndMends()
    {
        float[] packed = Logits(_model.Folder, ComputeFormat.Q4);
        string path = PathOf(Only());
        byte[] good = File.ReadAllBytes(path);
        foreach (byte[] bad in new[] { [], good[..40], good[..TileFile.DataStart], good[..(good.Length / 2)], good[..^1], [.. good, 0], new byte[good.Length] })
        {
            File.WriteAllBytes(path, bad);

            Assert.Equal(packed, Logits(_model.Folder, ComputeFormat.Q4));
            Assert.Equal(good, File.ReadAllBytes(path));
        }
    }

    [Fact]
    public void Open_SoundFileOfAnotherVersionOrOtherWeights_IsRefused()
    {
        Logits(_model.Folder, ComputeFormat.Q4);
        string path = PathOf(Only());
        byte[] file = File.ReadAllBytes(path), identity = file[TileFile.IdentityAt..(TileFile.IdentityAt + TileFile.IdentityBytes)];
        using WorkerPool workers = new(2);
        using (TileFile? same = TileFile.Open(path, identity, workers))
            Assert.NotNull(same);

        file[TileFile.VersionAt]++;
        WriteSealed(path, file);
        Assert.Null(TileFile.Open(path, identity, workers));

        file[TileFile.VersionAt]--;
        WriteSealed(path, file);
        identity[0]++;
        Assert.Null(TileFile.Open(path, identity, workers));
    }

    [Fact]
    public void Load_ChangedWeights_DoesNotUseTheOldOnes()
    {
        float[] before = Logits(_model.Folder, ComputeFormat.Q4);
        string path = _model[WeightFiles.SingleFileName];
        DateTime time = File.GetLastWriteTimeUtc(path);
        byte[] weights = File.ReadAllBytes(path);
        // Other numbers everywhere, as after another training, in a file of the same size and time.
        for (int i = weights.Length / 2; i < weights.Length; i += 4)
            weights[i + 2] ^= 0x20;
        File.WriteAllBytes(path, weights);
        File.SetLastWriteTimeUtc(path, time);

        float[] after = Logits(_model.Folder, ComputeFormat.Q4);

        Assert.NotEqual(before, after);
        Assert.Equal(after, Logits(_model.Folder, ComputeFormat.Q4, cache: null));
        Assert.Equal(2, Cache().List().Count);
    }

    [Fact]
    public void Identity_TimePathFormatAndConfigurationCount()
    {
        string[] files = [WeightFiles.SingleFileName];
        HashSet<string> keys = [Key(_model.Folder), Key(_model.Folder, ComputeFormat.Q8)];
        File.SetLastWriteTimeUtc(_model[files[0]], new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        keys.Add(Key(_model.Folder));
        File.AppendAllText(_model["config.json"], " ");
        keys.Add(Key(_model.Folder));
        using CheckpointFolder copy = CheckpointFolder.CopyOf("qwen2-tied");
        keys.Add(Key(copy.Folder));

        Assert.Equal(5, keys.Count);
        Assert.Equal(Key(_model.Folder), Key(_model.Folder + Path.DirectorySeparatorChar));

        string Key(string folder, ComputeFormat format = ComputeFormat.Q4) => Convert.ToHexString(TileIdentity.Of(folder, files, format).Key);
    }

    [Fact]
    public void Identity_Snapshot_IsNamedAfterItsModelWhereverTheCacheLies()
    {
        const string blob = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        DateTime time = new(2024, 5, 6, 7, 8, 9, DateTimeKind.Utc);
        TileIdentity first = Snapshot("a", "c0ffee", blob), moved = Snapshot("b", "c0ffee", blob), other = Snapshot("a2", "decaf", blob), replaced = Snapshot("a3", "c0ffee", "f" + blob[1..]);

        Assert.StartsWith("models--acme--tiny-q8-", first.Name, StringComparison.Ordinal);
        Assert.Equal(first, moved with { Key = first.Key });
        Assert.Equal(first.Key, moved.Key);
        Assert.NotEqual(first.Key, other.Key);
        Assert.NotEqual(first.Key, replaced.Key);

        TileIdentity Snapshot(string home, string commit, string hash)
        {
            string blobs = Path.Combine(_home.Folder, home, "models--acme--tiny", "blobs"), snapshot = Path.Combine(_home.Folder, home, "models--acme--tiny", "snapshots", commit);
            Directory.CreateDirectory(blobs);
            Directory.CreateDirectory(snapshot);
            File.WriteAllBytes(Path.Combine(blobs, hash), [1, 2, 3]);
            File.SetLastWriteTimeUtc(Path.Combine(blobs, hash), time);
            File.CreateSymbolicLink(Path.Combine(snapshot, WeightFiles.SingleFileName), Path.Combine("..", "..", "blobs", hash));
            return TileIdentity.Of(snapshot, [WeightFiles.SingleFileName], ComputeFormat.Q8);
        }
    }

    [Fact]
    public void Load_FolderThatCannotBeMade_RunsFromMemory()
    {
        _home.Write("tiles", "a file in the place of the folder");

        Assert.Equal(Logits(_model.Folder, ComputeFormat.Q4, cache: null), Logits(_model.Folder, ComputeFormat.Q4));
    }

    [Fact]
    public void Load_FolderThatCannotBeWrittenTo_StillUsesWhatIsThere()
    {
        float[] packed = Logits(_model.Folder, ComputeFormat.Q4);
        string kept = PathOf(Only());
        byte[] content = File.ReadAllBytes(kept);
        SetWritable(kept, false);
        SetWritable(Folder, false);
        try
        {
            Assert.Equal(packed, Logits(_model.Folder, ComputeFormat.Q4));
            Assert.Equal(content, File.ReadAllBytes(kept));
            // Another format finds nothing there, and cannot leave anything unless the tests run as root.
            Assert.Equal(Logits(_model.Folder, ComputeFormat.Q8, cache: null), Logits(_model.Folder, ComputeFormat.Q8));
        }
        finally
        {
            SetWritable(Folder, true);
        }

        static void SetWritable(string path, bool writable)
        {
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(path, writable ? UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute : UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }
    }

    [Fact]
    public void Load_LimitReached_TheLongestUnusedGoesFirst()
    {
        Logits(_model.Folder, ComputeFormat.Q4);
        long size = Only().SizeBytes;
        foreach ((string name, int day) in new[] { ("old.tiles", 1), ("older.tiles", 2), ("not ours", 1), ("broken-off.part", 9) })
        {
            File.WriteAllBytes(Path.Combine(Folder, name), new byte[size]);
            File.SetLastWriteTimeUtc(Path.Combine(Folder, name), new DateTime(2020, 1, 9, 0, 0, 0, DateTimeKind.Utc).AddDays(-day));
        }

        Logits(_model.Folder, ComputeFormat.Q8, new TileCache(Folder, size * 4) { SmallestModelBytes = 0 });

        Assert.Equal(3, Cache().List().Count);
        Assert.False(File.Exists(Path.Combine(Folder, "older.tiles")));
        Assert.False(File.Exists(Path.Combine(Folder, "broken-off.part")));
        Assert.True(File.Exists(Path.Combine(Folder, "not ours")));
    }

    [Fact]
    public void Load_LimitBelowTheModelOrModelBelowTheSmallest_KeepsNothing()
    {
        Logits(_model.Folder, ComputeFormat.Q4, new TileCache(Folder, 1000) { SmallestModelBytes = 0 });
        Assert.Empty(Cache().List());
        Logits(_model.Folder, ComputeFormat.Q4, new TileCache(Folder, Large));
        Assert.Empty(Cache().List());
        Logits(_model.Folder, ComputeFormat.F32, Cache());
        Assert.Empty(Cache().List());
    }

    [Fact]
    public async Task Load_SeveralAtOnce_AllComputeTheSame()
    {
        float[] expected = Logits(_model.Folder, ComputeFormat.Q4, cache: null);

        float[][] all = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(() => Logits(_model.Folder, ComputeFormat.Q4, Cache()))));

        Assert.All(all, logits => Assert.Equal(expected, logits));
        Assert.Equal(expected, Logits(_model.Folder, ComputeFormat.Q4));
        Assert.Empty(Directory.GetFiles(Folder, "*.part"));
    }

    [Fact]
    public void Clear_WhileAModelRuns_LeavesItRunning()
    {
        float[] packed = Logits(_model.Folder, ComputeFormat.Q4);
        using GoldenCase running = Open(_model.Folder, ComputeFormat.Q4, Cache());

        Assert.Single(Cache().Clear());

        Assert.Equal(packed, LogitsOf(running));
        Assert.Empty(Cache().List());
        Assert.Empty(Cache().Clear());
    }

    /// <summary>Writes a file whose sums are right, whatever its content.</summary>
    private static void WriteSealed(string path, byte[] file)
    {
        int table = (int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(TileFile.TableAt)), sums = table + (BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(TileFile.EntriesAt)) * TileFile.EntryBytes);
        for (int start = TileFile.DataStart; start < table; start += TileFile.ChunkBytes, sums += Checksum.Bytes)
            Checksum.Write(file.AsSpan(start, Math.Min(TileFile.ChunkBytes, table - start)), file.AsSpan(sums));
        Checksum.Write(file.AsSpan(table), file.AsSpan(TileFile.TableSumAt));
        Checksum.Write(file.AsSpan(0, TileFile.HeaderSumAt), file.AsSpan(TileFile.HeaderSumAt));
        File.WriteAllBytes(path, file);
    }

    private TileCache Cache() => new(Folder, Large) { SmallestModelBytes = 0 };

    private CachedTiles Only() => Assert.Single(Cache().List());

    private string PathOf(CachedTiles tiles) => Path.Combine(Folder, tiles.Name);

    /// <summary>Logits of a model that is loaded with the cache, and let go of: it has been written by then.</summary>
    private float[] Logits(string folder, ComputeFormat format) => Logits(folder, format, Cache());

    private static float[] Logits(string folder, ComputeFormat format, TileCache? cache)
    {
        using GoldenCase model = Open(folder, format, cache);
        return LogitsOf(model);
    }

    private static GoldenCase Open(string folder, ComputeFormat format, TileCache? cache) => GoldenCase.Open(folder, options => options with { Format = format, TileCache = cache });

    private static float[] LogitsOf(GoldenCase model)
    {
        GoldenPrompt prompt = model.Prompts.First();
        return model.AllLogits(model.Begin(prompt), prompt.DecoderIds, 5);
    }
}
