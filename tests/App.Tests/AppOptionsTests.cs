using LlmService.Hub;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;
using LlmService.Inference.Weights.Tiles;

namespace LlmService.App.Tests;

public sealed class AppOptionsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("options test ").FullName;

    private static readonly string Secret = SecretWatch.Make('o');

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Read_NothingSet_HasDefaults()
    {
        AppOptions options = Read([]);
        Assert.Equal(("127.0.0.1", 3001, "demo"), (options.Host, options.Port, options.Models.Single().Id));
        Assert.Null(options.Hub.Token);
        Assert.Equal(Path.Combine(_folder, ".cache", "huggingface", "hub"), options.Hub.CacheFolder);
    }

    [Fact]
    public void Read_EveryLayer_LaterOnesWin()
    {
        File.WriteAllText(Path.Combine(_folder, "appsettings.json"), """{ "Port": 1, "Host": "127.0.0.2", "Threads": 1, "Model": ["a/b"] }""");
        File.WriteAllText(Path.Combine(_folder, ".env"), "PORT=2\nHOST=127.0.0.3\n");
        AppOptions options = Read(new() { ["PORT"] = "3" }, new CommandLineValues { Models = ["c/d"] });
        Assert.Equal((3, "127.0.0.3", 1, "c/d"), (options.Port, options.Host, options.Threads, options.Models.Single().Id));
        Assert.Equal(4, Read(new() { ["PORT"] = "3" }, new CommandLineValues { Port = "4" }).Port);
    }

    [Fact]
    public void Read_SeveralMistakes_ReportsAllAtOnce()
    {
        AppException failure = Assert.Throws<AppException>(() => Read(new() { ["PORT"] = "x" }, new CommandLineValues { Dtype = "q9", Threads = "-1", Models = ["a/b/c"] }));
        Assert.Equal(FailureCode.InvalidRequest, failure.Code);
        foreach (string part in new[] { "PORT", "--dtype", "--threads", "a/b/c" })
            Assert.Contains(part, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("auto", null)]
    [InlineData("f32", ComputeFormat.F32)]
    [InlineData("bf16", ComputeFormat.Bf16)]
    [InlineData("q8", ComputeFormat.Q8)]
    [InlineData("q4", ComputeFormat.Q4)]
    public void Read_Dtype_IsTheFormat(string? dtype, ComputeFormat? format) => Assert.Equal(format, Read([], new CommandLineValues { Dtype = dtype }).Format);

    [Fact]
    public void Read_InstructionSet_IsTakenOrRefusedWithWhatThereIs()
    {
        Assert.Equal(KernelPaths.Best, Read([]).Kernels);
        Assert.Equal(KernelPath.Scalar, Read(new() { ["LLM_SERVICE_ISA"] = "scalar" }).Kernels);
        Assert.Contains("scalar, vector128, avx2, avx512", Refused("sse9"), StringComparison.OrdinalIgnoreCase);
        foreach (KernelPath path in Enum.GetValues<KernelPath>().Where(path => !KernelPaths.IsSupported(path)))
            Assert.Contains($"its best is {KernelPaths.Best}", Refused(path.ToString()), StringComparison.OrdinalIgnoreCase);

        string Refused(string name) => Assert.Throws<AppException>(() => Read(new() { ["LLM_SERVICE_ISA"] = name })).Message;
    }

    [Theory]
    [InlineData("HF_TOKEN=\"{0}\"\r\nPORT=3005\r\n")]
    [InlineData("HF_TOKEN='{0}'\n")]
    [InlineData("# comment\n\nexport HF_TOKEN={0}\n")]
    [InlineData("HUGGINGFACE_TOKEN={0}\n")]
    [InlineData("HF_TOKEN=\nHF_TOKEN=\nHUGGINGFACE_TOKEN=  {0}  \n")]
    public void Read_TokenInDotEnv_IsFoundAndNamed(string content)
    {
        File.WriteAllText(Path.Combine(_folder, ".env"), string.Format(System.Globalization.CultureInfo.InvariantCulture, content, Secret));
        HubToken token = Assert.IsType<HubToken>(Read([]).Hub.Token);
        Assert.Contains(".env", token.Source, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, token.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TokenNamesInEnvironment_FollowTheirOrder()
    {
        Dictionary<string, string> variables = new() { ["HF_TOKEN"] = "  ", ["HUGGING_FACE_HUB_TOKEN"] = Secret, ["HUGGINGFACE_TOKEN"] = "other" };
        Assert.Equal("environment variable HUGGING_FACE_HUB_TOKEN", Read(variables).Hub.Token!.Source);
    }

    [Fact]
    public void Read_TokenFile_IsRead()
    {
        string path = Path.Combine(_folder, "secret file");
        File.WriteAllText(path, Secret + "\r\n");
        Assert.Contains(path, Read(new() { ["HF_TOKEN_FILE"] = path }).Hub.Token!.Source, StringComparison.Ordinal);
        Assert.Throws<AppException>(() => Read(new() { ["HF_TOKEN_FILE"] = path + "x" }));
    }

    [Fact]
    public void Read_TokenInHome_IsTheLastPlace()
    {
        string home = Path.Combine(_folder, "hf home");
        Directory.CreateDirectory(home);
        File.WriteAllText(Path.Combine(home, "token"), Secret);
        Assert.Contains("token", Read(new() { ["HF_HOME"] = home }).Hub.Token!.Source, StringComparison.Ordinal);
        Assert.Equal("environment variable HF_TOKEN", Read(new() { ["HF_HOME"] = home, ["HF_TOKEN"] = "other" }).Hub.Token!.Source);
    }

    [Fact]
    public void Read_EndpointOfDotEnv_GetsNoTokenFromElsewhere()
    {
        File.WriteAllText(Path.Combine(_folder, ".env"), "HF_ENDPOINT=https://hub.example.org\n");
        AppOptions options = Read(new() { ["HF_TOKEN"] = Secret });
        Assert.Equal(new Uri("https://hub.example.org"), options.Hub.Endpoint);
        Assert.Null(options.Hub.Token);
    }

    [Theory]
    [InlineData("HF_TOKEN_FILE=")]
    [InlineData("HF_TOKEN_PATH=")]
    public void Read_EndpointOfDotEnvThatNamesAFile_GetsNothingOfIt(string setting)
    {
        string path = Path.Combine(_folder, "secret");
        File.WriteAllText(path, Secret);
        File.WriteAllText(Path.Combine(_folder, ".env"), $"HF_ENDPOINT=https://hub.example.org\n{setting}{path}\n");
        Assert.Null(Read([]).Hub.Token);
    }

    [Fact]
    public async Task Read_EndpointOfDotEnvWithATokenThere_GetsThatOne()
    {
        File.WriteAllText(Path.Combine(_folder, ".env"), $"HF_ENDPOINT=https://hub.example.org\nHF_TOKEN={Secret}\n");
        HubToken? token = await Read(new() { ["HF_TOKEN"] = "other" }).Hub.FindTokenAsync(null, TestContext.Current.CancellationToken);
        Assert.Equal("HF_TOKEN in .env", token!.Source);
    }

    // Whoever writes a .env that chooses the endpoint must not draw other variables to it.
    [Theory]
    [InlineData("HF_TOKEN={0}")]
    [InlineData("HF_TOKEN=\"{0}\"")]
    [InlineData("HF_TOKEN='{0}'")]
    public async Task Read_DollarInDotEnv_IsADollar(string line)
    {
        foreach (string text in new[] { "$STOLEN", "${STOLEN}", "a$b$" })
        {
            File.WriteAllText(Path.Combine(_folder, ".env"), $"HF_ENDPOINT=https://hub.example.org\n{string.Format(System.Globalization.CultureInfo.InvariantCulture, line, text)}\n");
            HubToken? token = await Read(new() { ["STOLEN"] = Secret }).Hub.FindTokenAsync(null, TestContext.Current.CancellationToken);
            Assert.Equal(new Hub.Tokens.Secret(text), token!.Secret);
        }
    }

    // Who chooses the authorities can stand between and read the token.
    [Theory]
    [InlineData(".env", "LLM_SERVICE_CA_FILE=ca.pem")]
    [InlineData("appsettings.json", """{ "CaFile": "ca.pem" }""")]
    public async Task Read_AuthoritiesOfTheProject_GetNoTokenFromElsewhere(string file, string content)
    {
        File.WriteAllText(Path.Combine(_folder, "ca.pem"), Authority);
        File.WriteAllText(Path.Combine(_folder, file), content);
        HubOptions hub = Read(new() { ["HF_TOKEN"] = Secret }).Hub;
        Assert.Null(await hub.FindTokenAsync(null, TestContext.Current.CancellationToken));
        Assert.Contains("ca.pem", hub.CertificateAuthorityFile, StringComparison.Ordinal);
        Assert.Contains("only a token that stands in .env", hub.TokenHint, StringComparison.Ordinal);

        hub = Read(new() { ["HF_TOKEN"] = Secret, ["LLM_SERVICE_CA_FILE"] = "ca.pem" }).Hub;
        Assert.NotNull(await hub.FindTokenAsync(null, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Read_OwnersTokenThatIsNotThere_IsAMistakeForItsModelsOnly()
    {
        File.WriteAllText(Path.Combine(_folder, "appsettings.json"), """{ "tokens": { "acme": "file:gone" } }""");
        Assert.NotNull(Read(new() { ["HF_TOKEN"] = Secret }, new CommandLineValues { Models = ["other/model"] }).Hub.Token);
        AppException failure = Assert.Throws<AppException>(() => Read(new() { ["HF_TOKEN"] = Secret }, new CommandLineValues { Models = ["acme/model"] }));
        Assert.Contains("tokens.acme", failure.Message, StringComparison.Ordinal);
        Assert.Contains("There is no such file", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://huggingface.co/acme/tiny")]
    [InlineData("https://huggingface.co/acme/tiny/tree/main?x=1")]
    [InlineData("hf.co/acme/tiny/")]
    [InlineData("hf://acme/tiny")]
    public void Read_AddressAsModel_IsAnsweredWithTheId(string model)
    {
        AppException failure = Assert.Throws<AppException>(() => Read([], new CommandLineValues { Models = [model] }));
        Assert.Contains("write acme/tiny.", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_EndpointWithQuery_IsRefusedWithoutParameterNames()
    {
        AppException failure = Assert.Throws<AppException>(() => Read(new() { ["HF_ENDPOINT"] = "http://127.0.0.1:1/path?x=1" }));
        Assert.DoesNotContain("Parameter", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_OwnersInConfiguration_HaveTheirOwnTokens()
    {
        File.WriteAllText(Path.Combine(_folder, "acme"), Secret);
        File.WriteAllText(Path.Combine(_folder, "appsettings.json"), """{ "tokens": { "acme": "file:acme", "production": "env:PRODUCTION" } }""");
        HubOptions hub = Read(new() { ["HF_TOKEN"] = "other", ["PRODUCTION"] = "third" }).Hub;
        Assert.True(RepoId.TryParse("acme/model", out RepoId acme));
        Assert.Equal($"file {Path.Combine(_folder, "acme")} (tokens.acme)", (await hub.FindTokenAsync(acme, TestContext.Current.CancellationToken))!.Source);
        Assert.Equal("environment variable HF_TOKEN", (await hub.FindTokenAsync(null, TestContext.Current.CancellationToken))!.Source);

        hub = Read(new() { ["HF_TOKEN"] = "other", ["PRODUCTION"] = "third", ["LLM_SERVICE_TOKEN_NAME"] = "production" }).Hub;
        Assert.Equal("environment variable PRODUCTION (tokens.production)", (await hub.FindTokenAsync(null, TestContext.Current.CancellationToken))!.Source);
    }

    [Theory]
    [InlineData("""{ "tokens": { "acme": "a-token-itself" } }""")]
    [InlineData("""{ "tokens": [ "a-token-itself" ] }""")]
    [InlineData("""{ "TokenName": "nobody" }""")]
    public void Read_WrongTokenSettings_AreMistakes(string json)
    {
        File.WriteAllText(Path.Combine(_folder, "appsettings.json"), json);
        AppException failure = Assert.Throws<AppException>(() => Read([]));
        Assert.Contains("oken", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("a-token-itself", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_DotEnvChanges_NextRequestHasTheNewToken()
    {
        string path = Path.Combine(_folder, ".env");
        File.WriteAllText(path, $"HF_TOKEN={Secret}\n");
        HubOptions hub = Read([]).Hub;
        File.WriteAllText(path, "HUGGINGFACE_TOKEN=another-one\n");
        Assert.Equal("HUGGINGFACE_TOKEN in .env", (await hub.FindTokenAsync(null, TestContext.Current.CancellationToken))!.Source);
    }

    [Fact]
    public void Read_HomeWithVariables_IsExpanded() =>
        Assert.Equal(Path.Combine(_folder, "x", "hub"), Read(new() { ["HF_HOME"] = "$BASE/x", ["BASE"] = _folder }).Hub.CacheFolder);

    [Fact]
    public void Read_TileCache_HasADefaultAndCanBeMovedLimitedAndSwitchedOff()
    {
        TileCache cache = Read([]).Tiles!;
        Assert.Equal((Path.Combine(_folder, ".cache", "llm-service", "tiles"), 20_000_000_000), (cache.Folder, cache.MaxBytes));
        Assert.Equal(Path.Combine(_folder, "x", "llm-service", "tiles"), Read(new() { ["XDG_CACHE_HOME"] = "~/x" }).Tiles!.Folder);
        cache = Read(new() { ["LLM_SERVICE_TILE_CACHE"] = "~/tiles", ["LLM_SERVICE_TILE_CACHE_GB"] = "3" }).Tiles!;
        Assert.Equal((Path.Combine(_folder, "tiles"), 3_000_000_000), (cache.Folder, cache.MaxBytes));
        Assert.Null(Read(new() { ["LLM_SERVICE_TILE_CACHE"] = "off" }).Tiles);
        Assert.Null(Read(new() { ["LLM_SERVICE_TILE_CACHE_GB"] = "0" }).Tiles);
        Assert.Contains("LLM_SERVICE_TILE_CACHE_GB", Assert.Throws<AppException>(() => Read(new() { ["LLM_SERVICE_TILE_CACHE_GB"] = "much" })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ToString_Setting_ShowsItsSourceOnly() => Assert.Equal("here", new Setting(Secret, "here").ToString());

    [Fact]
    public void Read_TokenForPlainHttp_IsRefusedInOneSentence()
    {
        AppException failure = Assert.Throws<AppException>(() => Read(new() { ["HF_TOKEN"] = Secret, ["HF_ENDPOINT"] = "http://hub.example.org" }));
        Assert.Equal(FailureCode.InvalidRequest, failure.Code);
        Assert.DoesNotContain(Secret, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("this is no line of that format")]
    [InlineData("HF_TOKEN token-without-equals")]
    public void Read_DamagedDotEnv_SaysSoWithoutQuotingIt(string content)
    {
        File.WriteAllText(Path.Combine(_folder, ".env"), content);
        AppException failure = Assert.Throws<AppException>(() => Read([]));
        Assert.Contains(".env", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(content, failure.Message, StringComparison.Ordinal);
    }

    private static string Authority
    {
        get
        {
            using System.Security.Cryptography.ECDsa key = System.Security.Cryptography.ECDsa.Create();
            System.Security.Cryptography.X509Certificates.CertificateRequest request = new("CN=test", key, System.Security.Cryptography.HashAlgorithmName.SHA256);
            using System.Security.Cryptography.X509Certificates.X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddDays(1));
            return certificate.ExportCertificatePem();
        }
    }

    private AppOptions Read(Dictionary<string, string> variables, CommandLineValues? commandLine = null) =>
        AppOptions.Read(TestContexts.Create(_folder, variables), commandLine ?? new());
}
