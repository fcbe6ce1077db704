namespace LlmService.Hub;

public sealed class HubOptionsTests
{
    private static readonly string Value = SecretWatch.Make('v');

    [Theory]
    [InlineData("https://huggingface.co")]
    [InlineData("https://mirror.example/hub/")]
    [InlineData("http://127.0.0.1:8080")]
    [InlineData("http://localhost:8080")]
    [InlineData("http://[::1]:8080")]
    public void Validate_SafeEndpointWithToken_Passes(string endpoint) => Options(endpoint, Value).Validate();

    [Fact]
    public void Validate_PlainHttpWithoutToken_Passes() => Options("http://mirror.example", null).Validate();

    [Theory]
    [InlineData("http://mirror.example", "Token")]
    [InlineData("ftp://huggingface.co", "Endpoint")]
    [InlineData("relative", "Endpoint")]
    [InlineData("https://user:word@huggingface.co", "Endpoint")]
    [InlineData("https://huggingface.co/?a=b", "Endpoint")]
    [InlineData("https://huggingface.co/#a", "Endpoint")]
    public void Validate_UnsafeEndpoint_Throws(string endpoint, string parameter)
    {
        ArgumentException failure = Refused(Options(endpoint, Value));

        Assert.Equal(parameter, failure.ParamName);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("inner space")]
    [InlineData("line\nend")]
    [InlineData("umlaut-ü")]
    public void Validate_ValueThatNoTokenHas_Throws(string value)
    {
        ArgumentException failure = Refused(Options("https://huggingface.co", value));

        Assert.Equal("Token", failure.ParamName);
        Assert.StartsWith("The token from test is empty or has characters", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_OtherValues_Throw()
    {
        HubOptions good = Options("https://huggingface.co", null);

        Assert.Equal("CacheFolder", Refused(good with { CacheFolder = " " }).ParamName);
        Assert.Equal("MetadataTimeout", Refused(good with { MetadataTimeout = TimeSpan.Zero }).ParamName);
        Assert.Equal("DownloadTimeout", Refused(good with { DownloadTimeout = TimeSpan.FromHours(2) }).ParamName);
        Assert.Equal("UserAgent", Refused(good with { UserAgent = "a\r\nb" }).ParamName);
    }

    [Fact]
    public void ToString_Options_NeverShowsTheToken()
    {
        HubOptions options = Options("https://huggingface.co", Value);

        SecretWatch.Record(options.ToString());
        Assert.DoesNotContain(Value, options.ToString(), StringComparison.Ordinal);
        Assert.Equal("token from test", options.Token!.ToString());
    }

    private static ArgumentException Refused(HubOptions options)
    {
        ArgumentException failure = Assert.ThrowsAny<ArgumentException>(options.Validate);
        Assert.DoesNotContain(Value, failure.ToString(), StringComparison.Ordinal);
        return failure;
    }

    private static HubOptions Options(string endpoint, string? token) => new()
    {
        CacheFolder = "cache",
        Endpoint = new Uri(endpoint, UriKind.RelativeOrAbsolute),
        Token = token is null ? null : new HubToken(token, "test"),
    };
}
