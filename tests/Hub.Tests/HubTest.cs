using System.Text;
using LlmService.LoopbackHub;

namespace LlmService.Hub;

/// <summary>A loopback Hub, an empty cache and a clock that never waits. At the end every port is asked whether it saw a secret.</summary>
public abstract class HubTest : IAsyncLifetime
{
    protected const string Public = "acme/tiny";
    protected const string Large = "model.safetensors";

    // Put together here, so that no file holds anything that looks like a secret.
    protected static readonly string Good = Secret('g');
    protected static readonly string Bad = Secret('b');
    protected static readonly string Expired = Secret('x');

    protected static readonly byte[] Weights = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * 31 >> 3))];

    protected string Cache { get; } = Directory.CreateTempSubdirectory("hub-tests-").FullName;

    protected LoopbackHubServer Server { get; private set; } = null!;

    private protected InstantClock Clock { get; } = new();

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    protected static RepositoryContent Content { get; } = RepositoryContent.Of(Weights, isLfs: true);

    protected static IReadOnlyDictionary<string, RepositoryContent> Files { get; } = new Dictionary<string, RepositoryContent>
    {
        ["config.json"] = RepositoryContent.Of(Encoding.UTF8.GetBytes("{}"), isLfs: false),
        ["empty #%ü.txt"] = RepositoryContent.Of([], isLfs: false),
        [Large] = Content,
        ["sub/dir/part.gguf"] = RepositoryContent.Of([1, 2, 3], isLfs: true),
    };

    public async ValueTask InitializeAsync()
    {
        Server = await LoopbackHubServer.StartAsync(
        [
            new Repository(Public, Files) { PageSize = 2, Tags = ["v1"] },
            new Repository("legacy", Files),
            Gated("not-requested", "gatedNotRequested"),
            Gated("pending", "gatedPending"),
            Gated("rejected", "gatedRejected"),
            Gated("reset", "gatedReset"),
            Gated("scope", "gatedScope"),
            Gated("region", "gatedRegion"),
            new Repository("acme/gated", new Dictionary<string, RepositoryContent>(Files)
            {
                ["README.md"] = RepositoryContent.Of(Encoding.UTF8.GetBytes("# Read me"), isLfs: false),
                ["LICENSE"] = RepositoryContent.Of(Encoding.UTF8.GetBytes("Do as you like"), isLfs: false),
            }) { Gated = true, AnonymousRefusal = "gatedAnonymous" },
            new Repository("acme/secret", Files) { AnonymousRefusal = "anonymous", TokenRefusal = "repoNotFound" },
            new Repository("acme/xet", Files) { Xet = true },
            new Repository("acme/gated-open", Files) { Gated = true, AnonymousRefusal = "gatedAnonymous" },
            new Repository("acme/down", Files) { Disabled = true },
            new Repository("acme/private", Files) { AnonymousRefusal = "anonymous" },
            new Repository("acme/policy", Files) { TokenRefusal = "policy" },
            new Repository("acme/forbidden", Files) { TokenRefusal = "forbidden" },
            new Repository("acme/off", Files) { AnonymousRefusal = "disabled", TokenRefusal = "disabled" },
        ]);
        Server.Tokens[Good] = null;
        Server.Tokens[Expired] = "expiredToken";
    }

    public async ValueTask DisposeAsync()
    {
        RecordedRequest[] elsewhere = [.. Server.Cdn.Requests, .. Server.Evil.Requests, .. Server.Cas.Requests];
        bool cookies = Server.Hub.Requests.Any(request => request.HasCookie);
        foreach (RecordedRequest request in elsewhere.Concat(Server.Hub.Requests))
            SecretWatch.Record(request.Target);
        await Server.DisposeAsync();
        Directory.Delete(Cache, recursive: true);
        Assert.All(elsewhere, request => Assert.False(request.HasAuthorization || request.HasCookie));
        Assert.False(cookies);
        GC.SuppressFinalize(this);
    }

    protected static RepoId Id(string text) => RepoId.TryParse(text, out RepoId id) ? id : throw new ArgumentException(text);

    protected static string? TokenOf(string? kind) => kind switch { "good" => Good, "bad" => Bad, "expired" => Expired, _ => null };

    protected HubOptions Options(string? token = null) => new()
    {
        CacheFolder = Cache,
        Endpoint = new Uri(Server.Hub.Address),
        Token = token is null ? null : new HubToken(token, "test"),
        TimeProvider = Clock,
    };

    protected HubClient Client(string? token = null) => new(Options(token));

    /// <summary>Runs what must fail; whatever it says, it must not say a secret.</summary>
    protected static async Task<HubException> FailureAsync(Func<Task> call)
    {
        HubException failure = await Assert.ThrowsAsync<HubException>(call);
        SecretWatch.Record(failure.ToString());
        string said = string.Join('\n', failure, failure.ServerMessage, failure.RequestId, failure.Endpoint, failure.TokenSource, failure.Account, failure.File);
        Assert.All([Good, Bad, Expired], secret => Assert.DoesNotContain(secret, said, StringComparison.Ordinal));
        return failure;
    }

    /// <summary>Opens the public repository and downloads its large file.</summary>
    protected static async Task<string> DownloadAsync(HubClient client, IProgress<DownloadProgress>? progress = null, CancellationToken? cancel = null)
    {
        ModelRepository repository = await client.OpenAsync(Id(Public), "main", Cancel);
        return await repository.DownloadAsync([Large], progress, cancel ?? Cancel);
    }

    /// <summary>The large file in the cache is whole, and nothing half-done lies beside it.</summary>
    protected void AssertPublished(string folder)
    {
        Assert.Equal(Weights, File.ReadAllBytes(Path.Combine(folder, Large)));
        Assert.Equal([Content.Sha256], Directory.GetFiles(Blobs).Select(Path.GetFileName));
    }

    protected void AssertNothingPublished()
    {
        Assert.False(Directory.Exists(Path.Combine(Cache, "models--acme--tiny", "snapshots")));
        Assert.False(File.Exists(Path.Combine(Blobs, Content.Sha256)));
    }

    protected string Blobs => Path.Combine(Cache, "models--acme--tiny", "blobs");

    protected string Partial => Path.Combine(Blobs, Content.Sha256 + ".llm-service.incomplete");

    protected string?[] Ranges => [.. Server.Cdn.Requests.Select(request => request.Range)];

    private static string Secret(char fill) => SecretWatch.Make(fill);

    private static Repository Gated(string name, string refusal) =>
        new("acme/gated-" + name, Files) { Gated = true, AnonymousRefusal = "gatedAnonymous", TokenRefusal = refusal };
}
