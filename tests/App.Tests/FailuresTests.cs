using LlmService.Hub;
using LlmService.Inference;
using LlmService.Tokenizers;

namespace LlmService.App.Tests;

public sealed class FailuresTests
{
    [Theory]
    [InlineData("failures.md")]
    [InlineData("troubleshooting.md")]
    public void Page_Table_IsWhatTheDocumentationSays(string name)
    {
        string path = TestData.Fixture("..", "..", "docs", name);
        string page = name == "failures.md" ? FailurePage.Write() : TroubleshootingPage.Write();
        // The page is rewritten on request: LLM_SERVICE_ACCEPT=1 dotnet test -c Release
        if (Environment.GetEnvironmentVariable("LLM_SERVICE_ACCEPT") == "1")
            File.WriteAllText(path, page);
        Assert.Equal(page, File.ReadAllText(path).ReplaceLineEndings("\n"));
    }

    [Theory]
    [InlineData(HubDiagnosis.TokenInvalid, "unauthorized", 502, 11)]
    [InlineData(HubDiagnosis.TokenExpired, "unauthorized", 502, 11)]
    [InlineData(HubDiagnosis.GatedPending, "gated", 403, 12)]
    [InlineData(HubDiagnosis.GatedNeedsLogin, "gated", 403, 12)]
    [InlineData(HubDiagnosis.OrgTokenPolicy, "forbidden", 403, 13)]
    [InlineData(HubDiagnosis.RegionBlocked, "forbidden", 403, 13)]
    [InlineData(HubDiagnosis.NotFoundOrPrivate, "model_not_found", 404, 14)]
    [InlineData(HubDiagnosis.RevisionNotFound, "model_not_found", 404, 14)]
    [InlineData(HubDiagnosis.EntryNotFound, "no_usable_weights", 422, 16)]
    [InlineData(HubDiagnosis.CorruptDownload, "corrupt_model", 422, 17)]
    [InlineData(HubDiagnosis.RateLimited, "rate_limited", 503, 18)]
    [InlineData(HubDiagnosis.OfflineMode, "hub_unreachable", 502, 19)]
    [InlineData(HubDiagnosis.NotTheHub, "hub_unreachable", 502, 19)]
    [InlineData(HubDiagnosis.DiskFull, "disk_full", 507, 20)]
    public void From_HubException_HasItsRow(HubDiagnosis diagnosis, string code, int status, int exit)
    {
        Failure failure = Failures.From(new HubException(diagnosis, new HubFacts { Repository = "a/b" }));
        Assert.Equal((code, status, exit, diagnosis.ToString()), (failure.Code.Name, failure.Code.HttpStatus, failure.Code.ExitCode, failure.Diagnosis));
    }

    [Fact]
    public void From_CacheFolderThatRefuses_DoesNotBlameTheToken()
    {
        Failure failure = Failures.From(new HubException(HubDiagnosis.CacheUnusable, new HubFacts { Repository = "a/b", CacheFolder = "/cache", Detail = "read-only" }));
        Assert.Equal(FailureCode.Forbidden, failure.Code);
        Assert.Contains("'/cache' cannot be used", failure.Message, StringComparison.Ordinal);
        Assert.Contains("(read-only)", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("scopes", failure.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void From_BareNameNotFound_SaysHowIdsAreWritten() =>
        Assert.Contains("owner/name", Failures.From(new HubException(HubDiagnosis.NotFoundOrPrivate, new HubFacts { Repository = "gpt9" })).Remedy, StringComparison.Ordinal);

    [Theory]
    [InlineData(InferenceFailure.ContextLengthExceeded, "context_length_exceeded", 10)]
    [InlineData(InferenceFailure.UnsupportedModelType, "unsupported_model_type", 15)]
    [InlineData(InferenceFailure.NoUsableWeights, "no_usable_weights", 16)]
    [InlineData(InferenceFailure.OutOfMemory, "out_of_memory", 21)]
    [InlineData(InferenceFailure.QueueFull, "queue_full", 22)]
    public void From_InferenceException_HasItsRow(InferenceFailure kind, string code, int exit)
    {
        Failure failure = Failures.From(new InferenceException(kind, "said"));
        Assert.Equal((code, exit, "said"), (failure.Code.Name, failure.Code.ExitCode, failure.Message));
    }

    [Fact]
    public void From_MissingTokenizer_IsNoUsableWeights() =>
        Assert.Equal(FailureCode.NoUsableWeights, Failures.From(new TokenizerException(TokenizerFailure.Missing, "x")).Code);

    [Fact]
    public void From_ForeignException_TellsNothing()
    {
        Failure failure = Failures.From(new InvalidOperationException("secret detail"));
        Assert.Equal(FailureCode.InternalError, failure.Code);
        Assert.DoesNotContain("secret", failure.Message, StringComparison.Ordinal);
    }
}
