using System.Text.Json;

namespace LlmService.Hub.Tokens;

public sealed class TokenStoreTests : IDisposable
{
    private static readonly string First = SecretWatch.Make("store-a");
    private static readonly string Second = SecretWatch.Make("store-b");

    private readonly string _folder = Path.Combine(Directory.CreateTempSubdirectory("token store ").FullName, "hf home");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string TokenPath => Path.Combine(_folder, "token");

    private string StoredPath => Path.Combine(_folder, "stored_tokens");

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_folder)!, recursive: true);

    [Fact]
    public async Task SaveAsync_New_WritesBothFilesForTheOwnerOnly()
    {
        TokenStore store = Store();

        Assert.True(await store.SaveAsync(new StoredToken("work", new Secret(Second)), Cancel));
        Assert.True(await store.SaveAsync(
            new StoredToken("laptop", new Secret(First)) { RefreshToken = new Secret("renew"), ExpiresAt = DateTimeOffset.FromUnixTimeSeconds(1_900_000_000) }, Cancel));

        Assert.Equal(First, File.ReadAllText(TokenPath));
        Assert.Equal($"[laptop]\nhf_token = {First}\nrefresh_token = renew\nexpires_at = 1900000000\n\n[work]\nhf_token = {Second}\n\n", File.ReadAllText(StoredPath));
        Assert.Equal("laptop", store.ActiveName);
        Assert.Equal(["stored_tokens", "stored_tokens.lock", "token"], Directory.GetFiles(_folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(TokenPath));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(StoredPath));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_folder));
        }
    }

    [Fact]
    public async Task SaveAsync_OpenFileOfOthers_ClosesIt()
    {
        Directory.CreateDirectory(_folder);
        File.WriteAllText(TokenPath, "old");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(TokenPath, (UnixFileMode)0b110_100_100);

        await Store().SaveAsync(new StoredToken("a", new Secret(First)), Cancel);

        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(TokenPath));
    }

    [Fact]
    public async Task SaveAsync_Json_KeepsTheFormatAndWhatIsUnknown()
    {
        Directory.CreateDirectory(_folder);
        File.WriteAllText(StoredPath, $$$"""{"tokens":{"old":{"token":"{{{First}}}","note":"mine"}},"active":"old","version":2}""");
        TokenStore store = Store();
        Assert.Equal("old", store.ActiveName);

        await store.SaveAsync(new StoredToken("new", new Secret(Second)), Cancel);

        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(StoredPath));
        Assert.Equal("new", json.RootElement.GetProperty("active").GetString());
        Assert.Equal(2, json.RootElement.GetProperty("version").GetInt32());
        Assert.Equal("mine", json.RootElement.GetProperty("tokens").GetProperty("old").GetProperty("note").GetString());
        Assert.Equal(Second, json.RootElement.GetProperty("tokens").GetProperty("new").GetProperty("token").GetString());
    }

    [Theory]
    [InlineData("no section = here")]
    [InlineData("{ \"tokens\": [")]
    [InlineData("{ \"tokens\": [1] }")]
    [InlineData("[a]\nhf_token = x\n[a]\nhf_token = y\n")]
    public async Task SaveAsync_DamagedStore_IsLeftAsItIs(string content)
    {
        Directory.CreateDirectory(_folder);
        File.WriteAllText(StoredPath, content);
        TokenStore store = Store();

        Assert.True(store.IsDamaged);
        Assert.False(await store.SaveAsync(new StoredToken("a", new Secret(First)), Cancel));

        Assert.Equal(content, File.ReadAllText(StoredPath));
        Assert.Equal(First, File.ReadAllText(TokenPath));
    }

    [Fact]
    public void Tokens_DialectOfThePythonClient_IsRead()
    {
        Directory.CreateDirectory(_folder);
        File.WriteAllText(StoredPath, $"; comment\n# comment\n\n[with space]\nHF_Token: {First}\nexpires_at = 1900000000.5\n\n[long]\nhf_token =\n  {Second}\n[empty]\nhf_token =\n[broken]\nhf_token = a b\n");

        Assert.Equal([("long", Second), ("with space", First)], Store().Tokens.Select(t => (t.Name, t.Token.Reveal())));
        Assert.Equal(1_900_000_000, Store().Tokens[1].ExpiresAt!.Value.ToUnixTimeSeconds());
    }

    [Fact]
    public async Task SwitchRemoveClear_KeepTokenFileAndStoreTogether()
    {
        TokenStore store = Store();
        await store.SaveAsync(new StoredToken("a", new Secret(First)), Cancel);
        await store.SaveAsync(new StoredToken("b", new Secret(Second)), Cancel);

        Assert.True(await store.SwitchAsync("a", Cancel));
        Assert.Equal("a", store.ActiveName);
        Assert.False(await store.SwitchAsync("none", Cancel));
        Assert.False(await store.RemoveAsync("none", Cancel));
        Assert.True(await store.RemoveAsync("b", Cancel));
        Assert.True(File.Exists(TokenPath));
        Assert.True(await store.RemoveAsync("a", Cancel));
        Assert.False(File.Exists(TokenPath));
        Assert.True(await store.ClearAsync(Cancel));
        Assert.False(File.Exists(StoredPath));
        Assert.False(await store.ClearAsync(Cancel));
    }

    [Theory]
    [InlineData("a]b")]
    [InlineData("[a")]
    [InlineData("a\nb")]
    [InlineData(" a")]
    [InlineData("")]
    [InlineData("Default")]
    public async Task SaveAsync_NameThatTheFileCannotHold_Throws(string name)
    {
        await Assert.ThrowsAsync<ArgumentException>(() => Store().SaveAsync(new StoredToken(name, new Secret(First)), Cancel));
        Assert.True(StoredToken.IsName(StoredToken.NameOf(name)));
    }

    private TokenStore Store() => new(TokenPath, TimeProvider.System);
}
