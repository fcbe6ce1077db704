namespace LlmService.Hub.Tokens;

public sealed class TokenSearchTests : IDisposable
{
    private static readonly string First = SecretWatch.Make('1');
    private static readonly string Second = SecretWatch.Make('2');
    private static readonly string Third = SecretWatch.Make('3');

    private readonly string _folder = Directory.CreateTempSubdirectory("token search ").FullName;
    private readonly Dictionary<string, string> _environment = [];
    private readonly Dictionary<string, string> _dotEnv = [];
    private readonly List<string> _warnings = [];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Find_EveryPlace_InItsOrder()
    {
        Write("stored_tokens", $"[laptop]\nhf_token = {First}\n");
        Assert.Equal($"'laptop' in {Path.Combine(_folder, "stored_tokens")}", Source());
        Write("token", Second + "\n");
        Assert.Equal($"file {Path.Combine(_folder, "token")}", Source());
        _dotEnv["HUGGINGFACE_TOKEN"] = First;
        Assert.Equal("HUGGINGFACE_TOKEN in .env", Source());
        _dotEnv["HF_TOKEN_FILE"] = Write("of .env", First);
        Assert.Equal($"file {Path.Combine(_folder, "of .env")} (HF_TOKEN_FILE in .env)", Source());
        _dotEnv["HF_TOKEN"] = First;
        Assert.Equal("HF_TOKEN in .env", Source());
        _environment["HUGGINGFACE_TOKEN"] = First;
        Assert.Equal("environment variable HUGGINGFACE_TOKEN", Source());
        _environment["HUGGING_FACE_HUB_TOKEN"] = First;
        Assert.Equal("environment variable HUGGING_FACE_HUB_TOKEN", Source());
        _environment["HF_TOKEN_FILE"] = Write("secret", First);
        Assert.Equal($"file {Path.Combine(_folder, "secret")} (environment variable HF_TOKEN_FILE)", Source());
        _environment["HF_TOKEN"] = First;
        Assert.Equal("environment variable HF_TOKEN", Source());
        Assert.Empty(_warnings);
    }

    [Theory]
    [InlineData("")]
    [InlineData("  \r\n")]
    [InlineData("\"\"")]
    public void Find_BlankPlace_IsPassedOver(string blank)
    {
        _environment["HF_TOKEN"] = blank;
        _environment["HUGGING_FACE_HUB_TOKEN"] = First;

        Assert.Equal("environment variable HUGGING_FACE_HUB_TOKEN", Source());
        Assert.Empty(_warnings);
    }

    [Theory]
    [InlineData("inner space")]
    [InlineData("bell\u0007")]
    [InlineData("umlaut-ü")]
    public void Find_CharactersThatNoTokenHas_AreWarnedOfOnceAndTheNextPlaceIsTried(string broken)
    {
        _environment["HF_TOKEN"] = broken;
        Write("token", First);
        TokenSearch search = Search();

        Assert.Equal($"file {Path.Combine(_folder, "token")}", search.Find(null)!.Source);
        search.Find(null);

        string warning = Assert.Single(_warnings);
        Assert.Contains("environment variable HF_TOKEN", warning, StringComparison.Ordinal);
        Assert.DoesNotContain(broken, warning, StringComparison.Ordinal);
    }

    [Fact]
    public void Find_FileOfTokenChanges_IsSeenAtOnce()
    {
        _environment["HF_TOKEN_FILE"] = Write("secret", First);
        TokenSearch search = Search();
        Assert.Equal(new Secret(First), search.Find(null)!.Secret);

        Write("secret", Second);
        Assert.Equal(new Secret(Second), search.Find(null)!.Secret);

        File.Delete(Path.Combine(_folder, "secret"));
        Assert.Null(search.Find(null));
        Assert.Contains("There is no such file.", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Find_OwnerWithATokenOfItsOwn_GetsThatOneOnly()
    {
        _environment["HF_TOKEN"] = First;
        _environment["PRODUCTION"] = Third;
        TokenSearch search = Search(o => o with
        {
            Named = new Dictionary<string, string> { ["acme"] = $"file:{Write("acme", Second)}", ["globex"] = "env:PRODUCTION", ["initech"] = "file:none" },
        });

        Assert.Equal(new Secret(Second), search.Find(Id("Acme/model"))!.Secret);
        Assert.Equal(new Secret(Third), search.Find(Id("globex/model"))!.Secret);
        Assert.Equal(new Secret(First), search.Find(Id("other/model"))!.Secret);
        Assert.Equal(new Secret(First), search.Find(Id("acme"))!.Secret);
        Assert.Equal(new Secret(First), search.Find(null)!.Secret);
        // Another token never stands in for it.
        Assert.Null(search.Find(Id("initech/model")));
        Assert.Contains("tokens.initech", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Find_Choice_IsUsedAlone()
    {
        _environment["HF_TOKEN"] = First;
        Write("stored_tokens", $"[development]\nhf_token = {Second}\n[production]\nhf_token = {Third}\n");

        Assert.Equal(new Secret(Third), Search(o => o with { Choice = "production" }).Find(null)!.Secret);
        TokenSearch missing = Search(o => o with { Choice = "staging" });
        Assert.Null(missing.Find(null));
        Assert.Contains("'staging'", missing.FirstMistake(null)!.Name, StringComparison.Ordinal);
    }

    [Fact]
    public void Find_ImplicitTokensOff_OnlyNamedOnesAreSent()
    {
        _environment["HF_TOKEN"] = First;
        Write("token", First);
        TokenSearch search = Search(o => o with { OnlyNamed = true, Named = new Dictionary<string, string> { ["acme"] = $"file:{Write("acme", Second)}" } });

        Assert.Null(search.Find(null));
        Assert.Equal(new Secret(Second), search.Find(Id("acme/model"))!.Secret);
        Assert.Contains(search.Look(null), place => place is { State: TokenPlaceState.Excluded, Token: null });
        Assert.Equal("There is a token (environment variable HF_TOKEN), but it is not sent: HF_HUB_DISABLE_IMPLICIT_TOKEN is on.", search.Hint);
    }

    [Fact]
    public void Find_EndpointOfDotEnv_GetsOnlyWhatStandsInIt()
    {
        _environment["HF_TOKEN"] = First;
        _dotEnv["HF_TOKEN_FILE"] = Write("token", First);
        TokenSearch search = Search(o => o with { OnlyDotEnvBecause = "HF_ENDPOINT in .env", Choice = "acme", Named = new Dictionary<string, string> { ["acme"] = $"file:{Write("acme", Second)}" } });

        Assert.Null(search.Find(null));
        Assert.Null(search.Find(Id("acme/model")));
        Assert.Contains(_warnings, warning => warning.Contains("HF_ENDPOINT in .env", StringComparison.Ordinal));

        _dotEnv["HUGGINGFACE_TOKEN"] = Third;
        Assert.Equal(new Secret(Third), search.Find(Id("acme/model"))!.Secret);
    }

    [Fact]
    public void Hint_NamesOfOtherTools_AreNamedAndNotUsed()
    {
        _environment["HF_API_TOKEN"] = First;
        _dotEnv["HUGGINGFACEHUB_API_TOKEN"] = First;
        TokenSearch search = Search();

        Assert.Null(search.Find(null));
        Assert.Contains("HF_API_TOKEN", search.Hint, StringComparison.Ordinal);
        Assert.Contains("HUGGINGFACEHUB_API_TOKEN in .env", search.Hint, StringComparison.Ordinal);
        Assert.Equal(2, search.Look(null).Count(place => place.State == TokenPlaceState.NotRead));
    }

    [Theory]
    [InlineData("plain-text")]
    [InlineData("env=NAME")]
    [InlineData("https://x")]
    public void Constructor_NamedTokenOfAnotherForm_Throws(string reference)
    {
        ArgumentException failure = Assert.Throws<ArgumentException>(() => Search(o => o with { Named = new Dictionary<string, string> { ["acme"] = reference } }));
        Assert.Contains("tokens.acme", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(reference, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Look_SeveralTokens_MarksTheFirstAndTheHidden()
    {
        _environment["HUGGINGFACE_TOKEN"] = First;
        _dotEnv["HF_TOKEN"] = Second;
        Write("token", Third);

        Assert.Equal(
            [TokenPlaceState.Unset, TokenPlaceState.Unset, TokenPlaceState.Used, TokenPlaceState.Shadowed, TokenPlaceState.Unset, TokenPlaceState.Unset, TokenPlaceState.Shadowed, TokenPlaceState.Unset],
            Search().Look(null).Select(place => place.State));
    }

    [Fact]
    public void Look_TokenFileThatIsTooLongOrAFolder_IsUnreadable()
    {
        Write("token", new string('a', 1024 * 1024 + 1));
        Assert.Contains(Search().Look(null), place => place.State == TokenPlaceState.Unreadable);
        File.Delete(Path.Combine(_folder, "token"));
        Directory.CreateDirectory(Path.Combine(_folder, "token"));
        Assert.Contains(Search().Look(null), place => place.State == TokenPlaceState.Unreadable);
    }

    private static RepoId Id(string text) => RepoId.TryParse(text, out RepoId id) ? id : throw new ArgumentException(text);

    private string? Source() => Search().Find(null)?.Source;

    private string Write(string name, string content)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, content);
        return path;
    }

    private TokenSearch Search(Func<TokenSearchOptions, TokenSearchOptions>? change = null)
    {
        TokenSearchOptions options = new()
        {
            Environment = name => _environment.GetValueOrDefault(name),
            DotEnv = name => _dotEnv.GetValueOrDefault(name),
            FullPath = path => Path.GetFullPath(path, _folder),
            TokenPath = Path.Combine(_folder, "token"),
            Warn = _warnings.Add,
        };
        return new TokenSearch(change is null ? options : change(options));
    }
}
