using LlmService.Hub;

namespace LlmService.App.Tests;

public sealed class NetworkOptionsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("options test ").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(null, 10)]
    [InlineData("0", 10)]
    [InlineData("", 10)]
    [InlineData("3", 3)]
    public void Read_TimeOuts_AreThoseOfTheHubsTools(string? seconds, int expected)
    {
        HubOptions hub = Read(new() { ["HF_HUB_ETAG_TIMEOUT"] = seconds ?? "", ["HF_HUB_DOWNLOAD_TIMEOUT"] = seconds ?? "" });

        Assert.Equal(TimeSpan.FromSeconds(expected), hub.MetadataTimeout);
        Assert.Equal(TimeSpan.FromSeconds(expected), hub.DownloadTimeout);
    }

    [Theory]
    [InlineData("HF_HUB_ETAG_TIMEOUT", "soon")]
    [InlineData("HF_HUB_DOWNLOAD_TIMEOUT", "-1")]
    [InlineData("HF_HUB_DOWNLOAD_TIMEOUT", "1e9")]
    public void Read_TimeOutThatIsNoNumber_IsNamed(string variable, string value)
    {
        AppException failure = Assert.Throws<AppException>(() => Read(new() { [variable] = value }));

        Assert.Contains(variable, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ProxyVariables_MakeAProxy()
    {
        Assert.Null(Read([]).Proxy);
        HubOptions hub = Read(new() { ["HTTPS_PROXY"] = "http://upper:1", ["https_proxy"] = "http://lower:2", ["NO_PROXY"] = "inside.example" });

        Assert.Equal("lower", hub.Proxy!.GetProxy(new Uri("https://huggingface.co"))!.Host);
        Assert.Null(hub.Proxy.GetProxy(new Uri("https://inside.example")));
        Assert.Null(Read(new() { ["HTTP_PROXY"] = "http://h:1", ["GATEWAY_INTERFACE"] = "CGI/1.1" }).Proxy);
    }

    [Fact]
    public void Read_BrokenProxy_IsNamedAndNotQuoted()
    {
        AppException failure = Assert.Throws<AppException>(() => Read(new() { ["HTTPS_PROXY"] = "gopher://user:hidden@p" }));

        Assert.Contains("HTTPS_PROXY", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_AuthoritiesThatAreNotThere_AreNamed()
    {
        AppException failure = Assert.Throws<AppException>(() => Read(new() { ["LLM_SERVICE_CA_FILE"] = "none.pem" }));

        Assert.Contains(Path.Combine(_folder, "none.pem"), failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Warnings_AreALineEach()
    {
        ProcessContext context = TestContexts.Create(_folder);

        AppOptions.Read(context, new CommandLineValues()).Hub.Warnings!.Report("You are near your quota.");

        Assert.Equal("[LLM] The Hub warns: You are near your quota." + Environment.NewLine, context.Error.ToString());
    }

    private HubOptions Read(Dictionary<string, string> variables) =>
        AppOptions.Read(TestContexts.Create(_folder, variables), new CommandLineValues()).Hub;
}
