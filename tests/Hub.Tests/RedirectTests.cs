using LlmService.LoopbackHub;

namespace LlmService.Hub;

public sealed class RedirectTests : HubTest
{
    private const string RevisionPath = "/api/models/acme/tiny/revision/main";

    [Fact]
    public async Task OpenAsync_Loop_IsBounded()
    {
        Server.Hub.Weather = Weather.Always(Weather.Redirect(307, context => context.Request.Path == "/a" ? "/b" : "/a"));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.NotTheHub, failure.Diagnosis);
        Assert.Equal(3, Server.Hub.Requests.Count);
    }

    [Fact]
    public async Task OpenAsync_EndlessChain_IsBounded()
    {
        int hop = 0;
        Server.Hub.Weather = Weather.Always(Weather.Redirect(302, _ => $"/hop/{hop++}"));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.NotTheHub, failure.Diagnosis);
        Assert.Equal(11, Server.Hub.Requests.Count);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("http://")]
    [InlineData("file:///etc/passwd")]
    [InlineData("http://user:word@127.0.0.1:1/")]
    [InlineData("http://192.0.2.1/")]
    public async Task OpenAsync_UnusableTarget_IsRefused(string? location)
    {
        Server.Hub.Weather = Weather.Always(location is null ? Weather.Status(302) : Weather.Redirect(302, _ => location));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.NotTheHub, failure.Diagnosis);
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task OpenAsync_ToForeignHostAndBack_TokenDoesNotComeBack(int status)
    {
        Server.Hub.Weather = Weather.InTurn(Weather.Redirect(status, _ => Server.Evil.Address + "/trap"));
        Server.Evil.Weather = Weather.Always(Weather.Redirect(status, _ => Server.Hub.Address + RevisionPath + "?back=1"));
        using HubClient client = Client(Good);

        await client.OpenAsync(Id(Public), "main", Cancel);

        RecordedRequest[] atHub = [.. Server.Hub.Requests];
        Assert.True(atHub[0].HasAuthorization);
        Assert.Equal(RevisionPath + "?back=1", atHub[1].Target);
        Assert.False(atHub[1].HasAuthorization);
        Assert.Single(Server.Evil.Requests);
    }

    [Fact]
    public async Task DownloadAsync_ContentHostSendsBack_TokenDoesNotComeBack()
    {
        Server.Hub.Weather = Weather.Where("HEAD", "/resolve/", async context =>
        {
            context.Response.StatusCode = 302;
            context.Response.Headers["X-Repo-Commit"] = context.Request.Path.Value!.Split('/')[4];
            context.Response.Headers["X-Linked-ETag"] = $"\"{Content.Sha256}\"";
            context.Response.Headers.Location = Server.Evil.Address + "/file";
            await context.Response.CompleteAsync();
            return true;
        });
        Server.Evil.Weather = Weather.Always(Weather.Redirect(302, _ => $"{Server.Hub.Address}/{Public}/resolve/main/{Large}?back=1"));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Single(Server.Evil.Requests);
        Assert.False(Assert.Single(Server.Hub.Requests, request => request.Target.EndsWith("?back=1", StringComparison.Ordinal)).HasAuthorization);
        Assert.Single(Server.Cdn.Requests);
    }

    [Fact]
    public async Task OpenAsync_LocalhostToItsAddress_IsAnotherOrigin()
    {
        Server.Hub.Weather = async context =>
        {
            if (context.Request.Host.Host != "localhost")
                return false;
            await Weather.Redirect(307, c => Server.Hub.Address + c.Request.Path + c.Request.QueryString)(context);
            return true;
        };
        using var client = new HubClient(Options(Good) with { Endpoint = new UriBuilder(Server.Hub.Address) { Host = "localhost" }.Uri });

        await client.OpenAsync(Id(Public), "main", Cancel);

        // Each chain begins with the token at localhost and goes on without it.
        Assert.Equal([true, false, true, false, true, false], Server.Hub.Requests.Select(request => request.HasAuthorization));
    }

    [Fact]
    public async Task DownloadAsync_RenamedRepository_KeepsTheToken()
    {
        Server.Renames["acme/old"] = "acme/private";
        using HubClient client = Client(Good);

        ModelRepository opened = await client.OpenAsync(Id("acme/old"), "main", Cancel);
        string folder = await opened.DownloadAsync([Large, "config.json"], null, Cancel);

        Assert.Equal("acme/private", opened.Id.Value);
        Assert.Equal(Weights, await File.ReadAllBytesAsync(Path.Combine(folder, Large), Cancel));
        Assert.True(Directory.Exists(Path.Combine(Cache, "models--acme--old", "blobs")));
        Assert.All(Server.Hub.Requests, request => Assert.True(request.HasAuthorization));
    }

    [Theory]
    [InlineData("legacy", "legacy")]
    [InlineData("gpt2", "acme/private")]
    public async Task DownloadAsync_BareId_Works(string id, string canonical)
    {
        Server.Renames["gpt2"] = "acme/private";
        using HubClient client = Client(Good);

        ModelRepository opened = await client.OpenAsync(Id(id), "main", Cancel);
        string folder = await opened.DownloadAsync([.. opened.Files.Select(file => file.Path)], null, Cancel);

        Assert.Equal(canonical, opened.Id.Value);
        Assert.Equal(Weights, await File.ReadAllBytesAsync(Path.Combine(folder, Large), Cancel));
        Assert.StartsWith(Path.Combine(Cache, "models--" + id), folder, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://huggingface.co", "https://hf.co/x", true)]
    [InlineData("https://huggingface.co", "https://HUGGINGFACE.co:443/x", true)]
    [InlineData("https://huggingface.co", "https://huggingface.co:444/x", false)]
    [InlineData("https://huggingface.co", "http://huggingface.co/x", false)]
    [InlineData("https://huggingface.co", "https://cdn-lfs.hf.co/x", false)]
    [InlineData("https://huggingface.co", "https://huggingface.co.evil.example/x", false)]
    [InlineData("https://mirror.example", "https://huggingface.co/x", false)]
    [InlineData("http://127.0.0.1:80", "http://127.0.0.1:81/x", false)]
    [InlineData("http://127.0.0.1:80", "http://localhost:80/x", false)]
    [InlineData("http://mirror.example", "http://mirror.example/x", false)]
    public void MayCarryToken_OnlyAtTheEndpointsOrigin(string endpoint, string address, bool expected) =>
        Assert.Equal(expected, new TrustedOrigins(new Uri(endpoint)).MayCarryToken(new Uri(address)));

    [Theory]
    [InlineData("https://huggingface.co/a", "http://huggingface.co/a", false)]
    [InlineData("https://huggingface.co/a", "http://127.0.0.1/a", false)]
    [InlineData("https://huggingface.co/a", "https://anywhere.example/a", true)]
    [InlineData("http://127.0.0.1/a", "http://127.0.0.1:81/a", true)]
    [InlineData("http://127.0.0.1/a", "http://anywhere.example/a", false)]
    public void AllowsRedirect_NeverToPlainHttpElsewhere(string from, string to, bool expected) =>
        Assert.Equal(expected, new TrustedOrigins(new Uri("https://huggingface.co")).AllowsRedirect(new Uri(from), new Uri(to)));
}
