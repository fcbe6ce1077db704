using System.Formats.Tar;
using System.Text;
using LlmService.Hub.Bundles;
using LlmService.Hub.Cache;

namespace LlmService.Hub;

public sealed class BundleTests : HubTest
{
    private const string Manifest = "manifest.json";

    private string File1 => Path.Combine(Cache, "one.tar");

    private string Target => Path.Combine(Cache, "target");

    private HubOptions TargetOptions => Options() with { CacheFolder = Target, Offline = true };

    [Fact]
    public async Task CreateAsync_Twice_GivesTheSameBytes()
    {
        await CreateAsync(File1);
        string other = Path.Combine(Cache, "two.tar");
        await CreateAsync(other);

        Assert.Equal(await File.ReadAllBytesAsync(File1, Cancel), await File.ReadAllBytesAsync(other, Cancel));
        Assert.Equal(["one.tar", "two.tar"], Directory.GetFiles(Cache, "*.tar*").Select(Path.GetFileName).Order(StringComparer.Ordinal));
        // Any tar program reads it.
        List<TarEntry> entries = Entries(File1);
        Assert.Equal(Manifest, entries[0].Name);
        Assert.All(entries, entry => Assert.Equal(TarEntryType.RegularFile, entry.EntryType));
        Assert.Contains("blobs/" + Content.Sha256, entries.Select(entry => entry.Name));
    }

    [Fact]
    public async Task InstallAsync_IntoAnEmptyCache_IsAsIfDownloaded()
    {
        BundleContent made = await CreateAsync(File1);

        BundleContent checkedOnly = await Bundle.VerifyAsync(File1, Cancel);
        BundleContent installed = await Bundle.InstallAsync(File1, TargetOptions, Cancel);

        Assert.Equal(made.ManifestSha256, installed.ManifestSha256);
        Assert.Equal(made.ManifestSha256, checkedOnly.ManifestSha256);
        using var offline = new HubClient(TargetOptions);
        ModelRepository repository = await offline.OpenAsync(Id(Public), "main", Cancel);
        Assert.Equal(Files.Keys.Order(StringComparer.Ordinal), repository.Files.Select(file => file.Path));
        string folder = await repository.DownloadAsync([Large, "sub/dir/part.gguf", "config.json"], null, Cancel);
        Assert.Equal(Weights, await File.ReadAllBytesAsync(Path.Combine(folder, Large), Cancel));
        Assert.Equal(Folder(Path.Combine(Cache, "models--acme--tiny")), Folder(Path.Combine(Target, "models--acme--tiny")));
        var cache = new ModelCache(Target);
        Assert.All(await cache.VerifyAsync(cache.List()[0], null, Cancel).ToListAsync(Cancel), file => Assert.Equal(VerifiedStatus.Ok, file.Status));
        Assert.Empty(Directory.GetDirectories(Path.Combine(Target, ".locks"), "bundle-*"));

        // Again, over what is there; and without links.
        await Bundle.InstallAsync(File1, TargetOptions, Cancel);
        Assert.Equal(Weights, await File.ReadAllBytesAsync(Path.Combine(folder, Large), Cancel));
        string plain = Path.Combine(Cache, "plain");
        await Bundle.InstallAsync(File1, TargetOptions with { CacheFolder = plain, DisableSymlinks = true }, Cancel);
        Assert.Empty(Directory.GetFiles(Path.Combine(plain, "models--acme--tiny", "blobs")));
        Assert.Equal(Weights.Length, new FileInfo(Path.Combine(plain, "models--acme--tiny", "snapshots", repository.Commit, Large)).Length);
    }

    [Fact]
    public async Task InstallAsync_TwoModelsThatShareFiles_HasBoth()
    {
        using HubClient client = Client();
        BundleContent content = await Bundle.CreateAsync(File1, [await SourceAsync(client, Public), await SourceAsync(client, "legacy")], Cancel);

        await Bundle.InstallAsync(File1, TargetOptions, Cancel);

        Assert.Equal([Public, "legacy"], content.Manifest.Models.Select(model => model.Id));
        Assert.Equal(4, Entries(File1).Count);
        Assert.All(new ModelCache(Target).List(), model => Assert.Equal(Weights.Length + 5, model.SizeBytes));
    }

    [Fact]
    public async Task CreateAsync_DamagedCache_IsRefused()
    {
        await CreateAsync(File1);
        await File.WriteAllTextAsync(Path.Combine(Blobs, Content.Sha256), "damaged", Cancel);
        using var offline = new HubClient(Options() with { Offline = true });
        ModelRepository repository = await offline.OpenAsync(Id(Public), "main", Cancel);
        string other = Path.Combine(Cache, "two.tar");

        HubException failure = await FailureAsync(() => Bundle.CreateAsync(other, [new BundleSource(repository, [Large])], Cancel));

        Assert.Equal(HubDiagnosis.BadBundle, failure.Diagnosis);
        Assert.Contains(Large, failure.Message, StringComparison.Ordinal);
        Assert.Equal(["one.tar"], Directory.GetFiles(Cache, "*.tar*").Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("---\nlicense: apache-2.0\n---\n# Model", "apache-2.0")]
    [InlineData("---\r\nlicense: other\r\nlicense_name: \"acme-1\"\r\n---\r\n", "acme-1")]
    [InlineData("---\ntags:\n- x\n---\nlicense: mit", null)]
    [InlineData("license: mit", null)]
    [InlineData("", null)]
    public void License_IsReadFromTheHeadOfTheCard(string card, string? expected)
    {
        string path = Path.Combine(Cache, "README.md");
        File.WriteAllText(path, card);

        Assert.Equal(expected, ModelCard.ReadLicence(path));
    }

    [Theory]
    [InlineData("flip", "does not have the hash")]
    [InlineData("extra", "which its manifest does not name")]
    [InlineData("traversal", "which its manifest does not name")]
    [InlineData("twice", "twice")]
    [InlineData("missing", "lacks")]
    [InlineData("symlink", "a symbolic link")]
    [InlineData("hardlink", "a hard link")]
    [InlineData("folder", "a folder")]
    [InlineData("pax", "an extended header")]
    [InlineData("size", "bytes, the manifest says")]
    [InlineData("first", "does not begin with")]
    [InlineData("path", "unsafe path")]
    [InlineData("absolute", "unsafe path")]
    [InlineData("id", "an id that no model has")]
    [InlineData("commit", "no commit")]
    [InlineData("revision", "unsafe revision")]
    [InlineData("hash", "contradicts itself")]
    [InlineData("field", "not readable")]
    [InlineData("format", "not of the format")]
    [InlineData("gap", "nothing in a place")]
    [InlineData("nothing", "not readable")]
    public async Task InstallAsync_HostileArchive_IsRefusedAndLeavesNothing(string attack, string reason)
    {
        await CreateAsync(File1);
        List<TarEntry> entries = Entries(File1);
        string bad = Path.Combine(Cache, "bad.tar");
        await WriteAsync(bad, Attack(entries, attack), attack == "pax" ? TarEntryFormat.Pax : TarEntryFormat.Ustar);

        await AssertRefusedAsync(bad, reason);
    }

    [Theory]
    [InlineData(0, "cut off")]
    [InlineData(100, "cut off")]
    [InlineData(700, "cut off")]
    [InlineData(-1024, "cut off")]
    [InlineData(-1500, "cut off")]
    public async Task InstallAsync_Truncated_IsRefused(int length, string reason)
    {
        await CreateAsync(File1);
        byte[] bytes = await File.ReadAllBytesAsync(File1, Cancel);
        string bad = Path.Combine(Cache, "bad.tar");
        await File.WriteAllBytesAsync(bad, length >= 0 ? bytes[..length] : bytes[..^-length], Cancel);

        await AssertRefusedAsync(bad, reason);
    }

    [Fact]
    public async Task InstallAsync_BytesAfterTheEndOrBetween_AreRefused()
    {
        await CreateAsync(File1);
        byte[] bytes = await File.ReadAllBytesAsync(File1, Cancel);
        string bad = Path.Combine(Cache, "bad.tar");
        await File.WriteAllBytesAsync(bad, [.. bytes, 1], Cancel);
        await AssertRefusedAsync(bad, "more bytes after its end");
        await File.WriteAllBytesAsync(bad, [.. bytes, .. new byte[2 * 1024 * 1024]], Cancel);
        await AssertRefusedAsync(bad, "more bytes after its end");

        // tar itself fills its last record with zeros.
        await File.WriteAllBytesAsync(bad, [.. bytes, .. new byte[8192]], Cancel);
        await Bundle.VerifyAsync(bad, Cancel);
        bytes[^1025] = 1;
        await File.WriteAllBytesAsync(bad, bytes, Cancel);
        await AssertRefusedAsync(bad, "hidden bytes");
    }

    [Fact]
    public async Task InstallAsync_NoTarAtAll_IsRefused()
    {
        string bad = Path.Combine(Cache, "bad.tar");
        await File.WriteAllBytesAsync(bad, Weights, Cancel);
        await AssertRefusedAsync(bad, "checksum");
        await File.WriteAllBytesAsync(bad, new byte[1024], Cancel);
        await AssertRefusedAsync(bad, "empty");
    }

    [Fact]
    public async Task InstallAsync_KilledBefore_LeftoversAreSwept()
    {
        await CreateAsync(File1);
        string abandoned = Path.Combine(Target, ".locks", "bundle-1234");
        Directory.CreateDirectory(abandoned);
        await File.WriteAllTextAsync(Path.Combine(abandoned, "x"), "left", Cancel);

        await Bundle.InstallAsync(File1, TargetOptions, Cancel);

        Assert.False(Directory.Exists(abandoned));
    }

    [Fact]
    public void TarHeader_SizeBeyondOctal_ComesBack()
    {
        var header = new TarHeader("blobs/x", 1L << 40);
        Assert.Equal(header, TarHeader.Parse(header.ToBlock()));
    }

    private static List<TarEntry> Attack(List<TarEntry> entries, string attack)
    {
        TarEntry large = entries.Single(entry => entry.Name == "blobs/" + Content.Sha256);
        switch (attack)
        {
            case "flip":
                byte[] flipped = [.. Weights];
                flipped[1000] ^= 1;
                large.DataStream = new MemoryStream(flipped);
                break;
            case "extra":
                entries.Add(Plain("blobs/" + new string('f', 64), "extra"));
                break;
            case "traversal":
                entries.Insert(1, Plain("../../evil", "evil"));
                break;
            case "twice":
                entries.Add(Plain(large.Name, Weights));
                break;
            case "missing":
                entries.Remove(large);
                break;
            case "symlink":
                entries[entries.IndexOf(large)] = new UstarTarEntry(TarEntryType.SymbolicLink, large.Name) { LinkName = "/etc/passwd" };
                break;
            case "hardlink":
                entries[entries.IndexOf(large)] = new UstarTarEntry(TarEntryType.HardLink, large.Name) { LinkName = Manifest };
                break;
            case "folder":
                entries.Insert(1, new UstarTarEntry(TarEntryType.Directory, "blobs/"));
                break;
            case "pax":
                entries.Insert(1, new PaxTarEntry(TarEntryType.RegularFile, "blobs/x", new Dictionary<string, string> { ["comment"] = "x" }));
                break;
            case "size":
                large.DataStream = new MemoryStream(Weights[..^1]);
                break;
            case "first":
                entries.Reverse();
                break;
            case "path":
                Replace(entries, "\"path\": \"config.json\"", "\"path\": \"../config.json\"");
                break;
            case "absolute":
                Replace(entries, "\"path\": \"config.json\"", "\"path\": \"/tmp/config.json\"");
                break;
            case "id":
                Replace(entries, Public, "../evil");
                break;
            case "commit":
                Replace(entries, "\"commit\": \"", "\"commit\": \"../");
                break;
            case "revision":
                Replace(entries, "\"main\"", "\"../../main\"");
                break;
            case "hash":
                Replace(entries, $"\"lfs_sha256\": \"{Content.Sha256}\"", $"\"lfs_sha256\": \"{new string('a', 64)}\"");
                break;
            case "field":
                Replace(entries, "\"format\"", "\"surprise\": 1, \"format\"");
                break;
            case "format":
                Replace(entries, "\"format_version\": 1", "\"format_version\": 2");
                break;
            case "gap":
                Replace(entries, "\"main\"", "null");
                break;
            case "nothing":
                Replace(entries, "\"license_files\": []", "\"license_files\": null");
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(attack), attack, "unknown attack");
        }
        return entries;
    }

    private static void Replace(List<TarEntry> entries, string from, string to)
    {
        using var reader = new StreamReader(entries[0].DataStream!);
        string json = reader.ReadToEnd();
        Assert.Contains(from, json, StringComparison.Ordinal);
        entries[0] = Plain(Manifest, json.Replace(from, to, StringComparison.Ordinal));
    }

    private static UstarTarEntry Plain(string name, string content) => Plain(name, Encoding.UTF8.GetBytes(content));

    private static UstarTarEntry Plain(string name, byte[] content) => new(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) };

    private static List<TarEntry> Entries(string path)
    {
        using FileStream stream = File.OpenRead(path);
        using var reader = new TarReader(stream);
        List<TarEntry> entries = [];
        while (reader.GetNextEntry(copyData: true) is { } entry)
            entries.Add(entry);
        return entries;
    }

    private static async Task WriteAsync(string path, List<TarEntry> entries, TarEntryFormat format)
    {
        await using FileStream stream = File.Create(path);
        await using var writer = new TarWriter(stream, format);
        foreach (TarEntry entry in entries)
            await writer.WriteEntryAsync(entry, Cancel);
    }

    private async Task AssertRefusedAsync(string bundle, string reason)
    {
        HubException verified = await FailureAsync(() => Bundle.VerifyAsync(bundle, Cancel));
        HubException installed = await FailureAsync(() => Bundle.InstallAsync(bundle, TargetOptions, Cancel));

        Assert.Equal(HubDiagnosis.BadBundle, installed.Diagnosis);
        Assert.Contains(reason, installed.Message, StringComparison.Ordinal);
        Assert.Contains(bundle, installed.Message, StringComparison.Ordinal);
        Assert.Equal(verified.Message, installed.Message);
        Assert.Empty(Directory.EnumerateFiles(Target, "*", SearchOption.AllDirectories));
        Assert.Empty(new ModelCache(Target).List());
    }

    private async Task<BundleContent> CreateAsync(string path)
    {
        using HubClient client = Client();
        return await Bundle.CreateAsync(path, [await SourceAsync(client, Public)], Cancel);
    }

    private static async Task<BundleSource> SourceAsync(HubClient client, string id)
    {
        ModelRepository repository = await client.OpenAsync(Id(id), "main", Cancel);
        string[] paths = [Large, "sub/dir/part.gguf", "config.json"];
        await repository.DownloadAsync(paths, null, Cancel);
        return new BundleSource(repository, paths);
    }

    /// <summary>Every file of a folder with its content, or with the text of its link.</summary>
    private static SortedDictionary<string, string> Folder(string folder)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            files[Path.GetRelativePath(folder, path)] = new FileInfo(path).LinkTarget ?? Convert.ToBase64String(File.ReadAllBytes(path));
        return files;
    }
}
