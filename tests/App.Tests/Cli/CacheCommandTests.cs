using System.Text.Json;
using LlmService.App.Cli;

namespace LlmService.App.Tests.Cli;

public sealed class CacheCommandTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("cache command test ").FullName;
    private readonly string _blob;

    public CacheCommandTests() => _blob = HandMadeCache.Create(_home);

    private string Snapshot => Path.Combine(_home, "hub", "models--acme--tiny", "snapshots", HandMadeCache.Commit);

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public async Task Pull_Cached_TellsWhereItIs()
    {
        (int exit, JsonElement json) = await JsonAsync(0, "pull", HandMadeCache.Model);

        Assert.Equal(0, exit);
        Assert.Equal(Snapshot, json.GetProperty("path").GetString());
        Assert.Equal(HandMadeCache.Commit, json.GetProperty("commit").GetString());
        Assert.Equal(["config.json", "model.safetensors", "tokenizer.json"], json.GetProperty("files").EnumerateArray().Select(f => f.GetProperty("path").GetString()));
        (exit, string output, _) = await RunAsync("pull", HandMadeCache.Model);
        Assert.Equal(0, exit);
        Assert.Equal(Snapshot, output.Trim());
    }

    [Fact]
    public async Task Pull_OfflineAndNotCached_IsUnreachable()
    {
        (_, JsonElement json) = await JsonAsync(19, "pull", "acme/other");

        Assert.Equal("hub_unreachable", json.GetProperty("code").GetString());
        Assert.Equal("OfflineMode", json.GetProperty("diagnosis").GetString());
    }

    [Fact]
    public async Task Pull_UnsupportedArchitecture_MovesNoWeights()
    {
        string config = Path.Combine(Snapshot, "config.json");
        File.Delete(config);
        await File.WriteAllTextAsync(config, """{ "model_type": "mamba" }""", TestContext.Current.CancellationToken);

        (_, JsonElement json) = await JsonAsync(15, "pull", HandMadeCache.Model);

        Assert.Equal("unsupported_model_type", json.GetProperty("code").GetString());
    }

    [Fact]
    public async Task List_NamesModelsSnapshotsAndSizes()
    {
        (_, JsonElement json) = await JsonAsync(0, "list");
        JsonElement model = Assert.Single(json.GetProperty("models").EnumerateArray());
        Assert.Equal(HandMadeCache.Model, model.GetProperty("id").GetString());
        JsonElement snapshot = Assert.Single(model.GetProperty("snapshots").EnumerateArray());
        Assert.Equal(HandMadeCache.Commit, snapshot.GetProperty("commit").GetString());
        Assert.Equal("main", Assert.Single(snapshot.GetProperty("revisions").EnumerateArray()).GetString());
        Assert.Equal(model.GetProperty("size_bytes").GetInt64(), snapshot.GetProperty("size_bytes").GetInt64());

        (_, string output, _) = await RunAsync("list");
        Assert.StartsWith($"acme/tiny@{HandMadeCache.Commit}  (main)  ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_EmptyCache_IsNoError()
    {
        Directory.Delete(Path.Combine(_home, "hub"), recursive: true);
        (_, JsonElement json) = await JsonAsync(0, "list");
        Assert.Equal(0, json.GetProperty("models").GetArrayLength());
    }

    [Fact]
    public async Task Verify_FlippedByte_NamesTheFile()
    {
        (_, JsonElement good) = await JsonAsync(0, "verify", HandMadeCache.Model);
        Assert.All(good.GetProperty("files").EnumerateArray(), file => Assert.Equal("ok", file.GetProperty("status").GetString()));

        byte[] bytes = await File.ReadAllBytesAsync(_blob, TestContext.Current.CancellationToken);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(_blob, bytes, TestContext.Current.CancellationToken);

        (_, JsonElement bad) = await JsonAsync(17, "verify", HandMadeCache.Model + "@main");
        Assert.Equal("corrupt_model", bad.GetProperty("code").GetString());
        JsonElement file = Assert.Single(bad.GetProperty("files").EnumerateArray(), f => f.GetProperty("status").GetString() == "corrupt");
        Assert.Equal("model.safetensors", file.GetProperty("path").GetString());
        Assert.Contains("model.safetensors", bad.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("verify", "acme/other")]
    [InlineData("verify", "acme/tiny@v2")]
    [InlineData("rm", "acme/other")]
    [InlineData("rm", "acme/tiny@v2")]
    public async Task NotCached_IsModelNotFound(params string[] args)
    {
        (_, JsonElement json) = await JsonAsync(14, args);
        Assert.Equal("NotCached", json.GetProperty("diagnosis").GetString());
    }

    [Fact]
    public async Task Remove_WithoutATerminal_Acts()
    {
        (_, JsonElement json) = await JsonAsync(0, "rm", HandMadeCache.Model);

        Assert.True(json.GetProperty("freed_bytes").GetInt64() > 10_000);
        Assert.False(File.Exists(_blob));
        Assert.Empty(Directory.GetDirectories(Path.Combine(_home, "hub"), "models--*"));
    }

    [Theory]
    [InlineData("\n", 130)]
    [InlineData("no\n", 130)]
    [InlineData("", 130)]
    [InlineData("y\n", 0)]
    public async Task Remove_OnATerminal_Asks(string answer, int expected)
    {
        ProcessContext context = Context(answer) with { IsInteractive = true };

        int exit = await CommandLine.RunAsync(["rm", HandMadeCache.Model], context);

        Assert.Equal(expected, exit);
        Assert.Contains("[y/N]", context.Error.ToString(), StringComparison.Ordinal);
        Assert.Equal(expected != 0, File.Exists(_blob));
    }

    [Fact]
    public async Task Prune_TakesWhatNobodyNames()
    {
        await JsonAsync(0, "cache", "prune");
        Assert.True(File.Exists(_blob));
        File.Delete(Path.Combine(_home, "hub", "models--acme--tiny", "refs", "main"));

        (_, JsonElement json) = await JsonAsync(0, "cache", "prune");

        Assert.Equal(HandMadeCache.Model, Assert.Single(json.GetProperty("removed").EnumerateArray()).GetProperty("id").GetString());
        Assert.False(File.Exists(_blob));
    }

    [Fact]
    public async Task Tiles_AreListedAndCleared()
    {
        string folder = Path.Combine(_home, ".cache", "llm-service", "tiles"), file = Path.Combine(folder, "models--acme--tiny-q4-0123.tiles");
        Assert.Equal(0, (await JsonAsync(0, "cache", "tiles")).Json.GetProperty("tiles").GetArrayLength());
        Directory.CreateDirectory(folder);
        await File.WriteAllBytesAsync(file, new byte[1500], TestContext.Current.CancellationToken);

        (_, string output, _) = await RunAsync("cache", "tiles");
        Assert.StartsWith("models--acme--tiny-q4-0123.tiles  1.5 kB, last used ", output, StringComparison.Ordinal);
        Assert.Equal(1500, (await JsonAsync(0, "cache", "tiles", "--clear")).Json.GetProperty("size_bytes").GetInt64());

        Assert.False(File.Exists(file));
        Assert.Equal(0, (await JsonAsync(0, "cache", "tiles")).Json.GetProperty("size_bytes").GetInt64());
    }

    [Fact]
    public async Task Run_SmallModel_KeepsNoTiles()
    {
        (int exit, _, string error) = await RunAsync("run", HandMadeCache.Model, "hi", "--max-tokens", "2", "--dtype", "q8");

        Assert.True(exit == 0, error);
        Assert.False(Directory.Exists(Path.Combine(_home, ".cache", "llm-service")));
    }

    [Fact]
    public async Task Bundle_ToAnotherMachine_LoadsThere()
    {
        string file = Path.Combine(_home, "models.tar");
        (_, JsonElement made) = await JsonAsync(0, "bundle", "create", HandMadeCache.Model, "-o", "models.tar");
        JsonElement model = Assert.Single(made.GetProperty("models").EnumerateArray());
        Assert.Equal("apache-2.0", model.GetProperty("license").GetString());
        Assert.Contains("README.md", model.GetProperty("files").EnumerateArray().Select(f => f.GetProperty("path").GetString()));
        (_, JsonElement verified) = await JsonAsync(0, "bundle", "verify", file);
        Assert.Equal(made.GetProperty("manifest_sha256").GetString(), verified.GetProperty("manifest_sha256").GetString());

        await JsonAsync(0, "rm", HandMadeCache.Model);
        await JsonAsync(0, "bundle", "install", file);

        (int exit, _, string error) = await RunAsync("run", HandMadeCache.Model, "hi", "--max-tokens", "2");
        Assert.True(exit == 0, error);
    }

    [Fact]
    public async Task Bundle_Damaged_IsRefusedWithItsReason()
    {
        string file = Path.Combine(_home, "models.tar");
        await JsonAsync(0, "bundle", "create", HandMadeCache.Model, "--output", file);
        byte[] bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(file, bytes[..(bytes.Length / 2)], TestContext.Current.CancellationToken);

        foreach (string verb in new[] { "verify", "install" })
        {
            (_, JsonElement json) = await JsonAsync(17, "bundle", verb, file);
            Assert.Equal("BadBundle", json.GetProperty("diagnosis").GetString());
            Assert.Contains("cut off", json.GetProperty("message").GetString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(2, "pull")]
    [InlineData(2, "pull", "a//b")]
    [InlineData(2, "pull", "demo")]
    [InlineData(2, "pull", "./folder")]
    [InlineData(2, "list", "surplus")]
    [InlineData(2, "rm")]
    [InlineData(2, "rm", "demo")]
    [InlineData(2, "verify", "x", "--no-such-option")]
    [InlineData(2, "cache")]
    [InlineData(2, "cache", "sweep")]
    [InlineData(2, "bundle")]
    [InlineData(2, "bundle", "create", "acme/tiny")]
    [InlineData(2, "bundle", "create", "-o", "x.tar")]
    [InlineData(2, "bundle", "verify", "no-such-file.tar")]
    [InlineData(2, "bundle", "install", "no-such-file.tar")]
    public Task CalledWrongly_IsOneObjectToo(int expected, params string[] args) => JsonAsync(expected, args);

    private async Task<(int Exit, JsonElement Json)> JsonAsync(int expected, params string[] args)
    {
        (int exit, string output, string error) = await RunAsync([.. args, "--json"]);
        Assert.True(expected == exit, $"{exit}: {output}{error}");
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.Equal(expected == 0, json.RootElement.GetProperty("ok").GetBoolean());
        Assert.Equal(expected != 0, json.RootElement.TryGetProperty("code", out _));
        foreach (string field in expected == 0 ? [] : new[] { "code", "diagnosis", "message", "remedy" })
            Assert.False(string.IsNullOrEmpty(json.RootElement.GetProperty(field).GetString()), field);
        return (exit, json.RootElement.Clone());
    }

    private ProcessContext Context(string input = "") =>
        TestContexts.Create(_home, new Dictionary<string, string> { ["HF_HOME"] = _home, ["HF_HUB_OFFLINE"] = "1" }, input);

    private async Task<(int Exit, string Output, string Error)> RunAsync(params string[] args)
    {
        ProcessContext context = Context();
        int exit = await CommandLine.RunAsync(args, context);
        return (exit, context.Out.ToString()!, context.Error.ToString()!);
    }
}
