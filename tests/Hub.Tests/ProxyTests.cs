using System.Net;

namespace LlmService.Hub;

public sealed class ProxyTests : HubTest
{
    [Theory]
    [InlineData("https://huggingface.co/a", "http://s:2/")]
    [InlineData("http://huggingface.co/a", "http://h:1/")]
    [InlineData("https://internal.example/a", null)]
    [InlineData("https://deep.internal.example/a", null)]
    [InlineData("https://notinternal.example/a", "http://s:2/")]
    [InlineData("https://dotted.example/a", null)]
    [InlineData("https://a.dotted.example/a", null)]
    [InlineData("https://starred.example/a", null)]
    [InlineData("https://port.example:8443/a", null)]
    [InlineData("https://port.example/a", "http://s:2/")]
    [InlineData("https://10.1.2.3/a", null)]
    [InlineData("https://11.1.2.3/a", "http://s:2/")]
    [InlineData("https://[fd00::1]/a", null)]
    public void GetProxy_FollowsTheVariables(string address, string? expected)
    {
        var proxy = new HubProxy("h:1", "http://s:2", null, "internal.example, .dotted.example,*.starred.example port.example:8443,10.0.0.0/8,fd00::/8");

        Assert.Equal(expected, proxy.GetProxy(new Uri(address))?.AbsoluteUri);
        Assert.Equal(expected is null, proxy.IsBypassed(new Uri(address)));
    }

    [Fact]
    public void GetProxy_Star_BypassesAll() =>
        Assert.True(new HubProxy(null, null, "http://p:3", "*").IsBypassed(new Uri("https://huggingface.co")));

    [Fact]
    public void GetProxy_AllProxy_StandsInForBoth()
    {
        var proxy = new HubProxy(null, "http://s:2", "socks5://p:3", null);

        Assert.Equal("p", proxy.GetProxy(new Uri("http://a.example"))!.Host);
        Assert.Equal("s", proxy.GetProxy(new Uri("https://a.example"))!.Host);
    }

    [Fact]
    public void Credentials_ComeFromTheAddress()
    {
        var proxy = new HubProxy(null, "http://user:w%40rd@s:2", null, null);

        NetworkCredential credential = proxy.Credentials!.GetCredential(new Uri("http://s:2"), "Basic")!;
        Assert.Equal(("user", "w@rd"), (credential.UserName, credential.Password));
        Assert.Null(proxy.Credentials.GetCredential(new Uri("http://other:2"), "Basic"));
    }

    [Fact]
    public void HubProxy_NoAddress_DoesNotQuoteIt()
    {
        ArgumentException failure = Assert.Throws<ArgumentException>(() => new HubProxy(null, "ftp://user:hidden@host", null, null));

        Assert.Contains("HTTPS_PROXY", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DownloadAsync_LoopbackEndpoint_IsNeverAskedThroughTheProxy()
    {
        using var client = new HubClient(Options(Good) with { Proxy = new HubProxy(Server.Evil.Address, Server.Evil.Address, null, null) });

        AssertPublished(await DownloadAsync(client));

        Assert.Empty(Server.Evil.Requests);
    }

    [Fact]
    public async Task OpenAsync_ProxyWantsCredentials_SaysSo()
    {
        // The address of a document, which nothing listens at: only the proxy is asked.
        Server.Mirror.Weather = Weather.Always(Weather.Status(407, ("Proxy-Authenticate", "Basic realm=\"office\"")));
        using var client = new HubClient(Options() with { Endpoint = new Uri("http://192.0.2.1"), Proxy = new HubProxy(Server.Mirror.Address, null, null, null) });

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.ProxyAuth, failure.Diagnosis);
        Assert.Single(Server.Mirror.Requests);
    }
}
