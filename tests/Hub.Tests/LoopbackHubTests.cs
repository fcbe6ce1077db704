using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using LlmService.LoopbackHub;

namespace LlmService.Hub;

/// <summary>Checks of the double itself: it is only worth something if it is not built from the client's own assumptions.</summary>
public sealed class LoopbackHubTests : HubTest
{
    [Fact]
    public void Double_SharesNoCodeWithTheClient()
    {
        Assert.DoesNotContain(typeof(LoopbackHubServer).Assembly.GetReferencedAssemblies(), name => name.Name == typeof(HubClient).Assembly.GetName().Name);
        Assert.Equal(["answers.json", "headers.json"], typeof(LoopbackHubServer).Assembly.GetManifestResourceNames().Order(StringComparer.Ordinal).Intersect(["answers.json", "headers.json"]));
    }

    [Fact]
    public async Task PrivateRepository_LooksToEachCallerAsTheProtocolSays()
    {
        foreach (string target in new[] { "/acme/secret/resolve/main/config.json", "/api/models/acme/secret/tree/main", "/api/models/acme/secret" })
        {
            (HttpStatusCode anonymous, string? noCode, string? login) = await ViewAsync(target, null);
            (HttpStatusCode bad, string? noCodeEither, string? credentials) = await ViewAsync(target, Bad);
            (HttpStatusCode stranger, string? code, string? notFound) = await ViewAsync(target, Good);

            Assert.Equal((HttpStatusCode.Unauthorized, null, "Invalid username or password."), (anonymous, noCode, login));
            Assert.Equal((HttpStatusCode.Unauthorized, null, "Invalid credentials in Authorization header"), (bad, noCodeEither, credentials));
            Assert.Equal((HttpStatusCode.NotFound, "RepoNotFound", "Repository not found"), (stranger, code, notFound));
        }
    }

    [Fact]
    public async Task StrangersView_IsThatOfAMissingRepository()
    {
        Assert.Equal(await ViewAsync("/acme/none/resolve/main/config.json", Good), await ViewAsync("/acme/secret/resolve/main/config.json", Good));
        Assert.Equal(await ViewAsync("/acme/none/resolve/main/config.json", null), await ViewAsync("/acme/secret/resolve/main/config.json", null));
    }

    [Fact]
    public async Task EveryAnswerOfTheHub_CarriesItsHeaders()
    {
        foreach (string target in new[] { $"/api/models/{Public}", $"/{Public}/resolve/main/config.json", "/nothing" })
        {
            using HttpResponseMessage response = await AskAsync(Server.Hub.Address + target, null);
            string bucket = target.Contains("/resolve/", StringComparison.Ordinal) ? "resolvers" : "api";
            Assert.StartsWith("Root=1-", response.Headers.GetValues("X-Request-Id").Single(), StringComparison.Ordinal);
            Assert.StartsWith($"\"{bucket}\";r=", response.Headers.GetValues("RateLimit").Single(), StringComparison.Ordinal);
            Assert.EndsWith(";w=300", response.Headers.GetValues("RateLimit-Policy").Single(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ContentHost_RefusesAToken()
    {
        using HttpResponseMessage response = await AskAsync($"{Server.Evil.Address}/x", null);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        await using LoopbackHubServer other = await LoopbackHubServer.StartAsync([new Repository(Public, Files)]);

        using HttpResponseMessage refused = await AskAsync($"{other.Cdn.Address}/xet-bridge-us/{Public}/{Large}", Good);

        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("Only one auth mechanism allowed", await refused.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ModelInfo_GivesWhatTheQueryAsksFor()
    {
        JsonElement blobs = (await JsonAsync($"/api/models/{Public}?blobs=true")).GetProperty("siblings");
        JsonElement large = blobs.EnumerateArray().Single(sibling => sibling.GetProperty("rfilename").GetString() == Large);
        Assert.Equal((Weights.Length, Content.GitId), (large.GetProperty("size").GetInt32(), large.GetProperty("blobId").GetString()));
        Assert.Equal((Content.Sha256, Weights.Length), (large.GetProperty("lfs").GetProperty("sha256").GetString(), large.GetProperty("lfs").GetProperty("size").GetInt32()));

        JsonElement some = await JsonAsync($"/api/models/{Public}?expand=gated&expand=sha");
        Assert.Equal(["_id", "gated", "id", "sha"], some.EnumerateObject().Select(field => field.Name).Order(StringComparer.Ordinal));

        JsonElement refused = await JsonAsync($"/api/models/{Public}?expand=nonsense", HttpStatusCode.BadRequest);
        Assert.Contains("gated, disabled, sha", refused.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task PathsInfo_LeavesOutWhatThereIsNot()
    {
        using var http = new HttpClient();
        using var body = new StringContent($$"""{"paths": ["{{Large}}", "none.bin"]}""", Encoding.UTF8, "application/json");

        using HttpResponseMessage response = await http.PostAsync($"{Server.Hub.Address}/api/models/{Public}/paths-info/main", body, Cancel);

        using JsonDocument found = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(Cancel));
        Assert.Equal(Large, Assert.Single(found.RootElement.EnumerateArray()).GetProperty("path").GetString());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AskAccess_ChangesTheGate(bool auto)
    {
        Repository gated = new("acme/asked", Files) { Gated = true, AutoGate = auto, AnonymousRefusal = "gatedAnonymous", TokenRefusal = "gatedNotRequested" };
        await using LoopbackHubServer other = await LoopbackHubServer.StartAsync([gated]);
        other.Tokens[Good] = null;
        using var client = new HubClient(Options(Good) with { Endpoint = new Uri(other.Hub.Address) });
        Assert.Equal(HubDiagnosis.GatedNotRequested, (await FailureAsync(() => client.OpenAsync(Id("acme/asked"), "main", Cancel))).Diagnosis);

        using HttpResponseMessage asked = await AskAsync($"{other.Hub.Address}/acme/asked/ask-access", Good, HttpMethod.Post);

        Assert.Equal((HttpStatusCode.SeeOther, $"{other.Hub.Address}/acme/asked"), (asked.StatusCode, asked.Headers.Location!.ToString()));
        if (auto)
            Assert.NotEmpty((await client.OpenAsync(Id("acme/asked"), "main", Cancel)).Files);
        else
            Assert.Equal(HubDiagnosis.GatedPending, (await FailureAsync(() => client.OpenAsync(Id("acme/asked"), "main", Cancel))).Diagnosis);
    }

    [Theory]
    [InlineData("bytes=0-0", 0, 1)]
    [InlineData("bytes=10-19", 10, 10)]
    [InlineData("bytes=-5", 299_995, 5)]
    [InlineData("bytes=299999-400000", 299_999, 1)]
    public async Task ContentHost_GivesExactlyTheRange(string range, int from, int length)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{Server.Cdn.Address}/xet-bridge-us/{Public}/{Large}");
        request.Headers.TryAddWithoutValidation("Range", range);

        using HttpResponseMessage response = await http.SendAsync(request, Cancel);

        Assert.Equal(HttpStatusCode.PartialContent, response.StatusCode);
        Assert.Equal($"bytes {from}-{from + length - 1}/{Weights.Length}", response.Content.Headers.ContentRange!.ToString());
        Assert.Equal(Weights[from..(from + length)], await response.Content.ReadAsByteArrayAsync(Cancel));
    }

    private async Task<(HttpStatusCode Status, string? Code, string? Message)> ViewAsync(string target, string? token)
    {
        using HttpResponseMessage response = await AskAsync(Server.Hub.Address + target, token);
        return (response.StatusCode, Header("X-Error-Code"), Header("X-Error-Message"));

        string? Header(string name) => response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.Single() : null;
    }

    private async Task<JsonElement> JsonAsync(string target, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using HttpResponseMessage response = await AskAsync(Server.Hub.Address + target, null);
        Assert.Equal(expected, response.StatusCode);
        using JsonDocument json = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(Cancel));
        return json.RootElement.Clone();
    }

    private static async Task<HttpResponseMessage> AskAsync(string address, string? token, HttpMethod? method = null)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, address);
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await http.SendAsync(request, Cancel);
    }
}
