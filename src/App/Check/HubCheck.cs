using LlmService.Hub;

namespace LlmService.App.Check;

/// <summary>The steps that ask the Hub: endpoint, token, repository, gate, revision.</summary>
internal sealed class HubCheck(AppOptions options, ModelReference model, CheckSteps steps)
{
    private HubException? _refusedToken;

    /// <summary>Opens the repository; when this caller may read it, goes on with its files.</summary>
    /// <exception cref="HubException">As the load would throw it; the steps know which of them it belongs to.</exception>
    public async Task RunAsync(Func<ModelFiles, ModelRepository, CancellationToken, Task> next, CancellationToken cancellationToken)
    {
        using HubClient client = new(options.Hub);
        bool reached = true;
        try
        {
            ModelRepository repository = await client.OpenAsync(model.Repository!.Value, model.Revision, cancellationToken);
            reached = !repository.FromCacheOnly;
            _refusedToken = repository.RefusedToken;
            DescribeOpened(repository);
            await CheckGateAsync(repository, cancellationToken);
            await next(ModelFiles.OfRepository(model.Text, repository), repository, cancellationToken);
        }
        catch (HubException refused)
        {
            // Where a host behind the endpoint is at fault, it is the step that asked for its file.
            string step = refused.Host is null ? StepOf(refused.Diagnosis) : "";
            reached &= step != CheckSteps.Endpoint;
            DescribeRefusal(refused, step);
            throw;
        }
        finally
        {
            await DescribeTokenAsync(client, reached, cancellationToken);
        }
    }

    private void DescribeOpened(ModelRepository repository)
    {
        string endpoint = options.Hub.Endpoint.GetLeftPart(UriPartial.Path).TrimEnd('/');
        if (options.Hub.Offline)
            steps.Leave(CheckSteps.Endpoint, "not asked: the offline switch HF_HUB_OFFLINE is on");
        else if (repository.Unreachable is { } unreachable)
            steps.Fail(CheckSteps.Endpoint, $"{unreachable.Message} The cache stands in.");
        else if (repository.FromCacheOnly)
            steps.Leave(CheckSteps.Endpoint, "not asked: this commit is in the cache");
        else
            steps.Pass(CheckSteps.Endpoint, $"{endpoint} answers");
        string renamed = repository.Id == model.Repository ? "" : $", now called {repository.Id}";
        string visibility = repository.Card is { } card ? card.IsPrivate ? "private" : "public" : "known from the cache";
        steps.Pass(CheckSteps.Repository, $"exists{renamed}, {visibility}");
        steps.Pass(CheckSteps.Revision, $"{model.Revision} is commit {repository.Commit}");
    }

    private async Task CheckGateAsync(ModelRepository repository, CancellationToken cancellationToken)
    {
        steps.Begin(CheckSteps.Gate);
        if (repository.Card is not { } card)
        {
            steps.Leave(CheckSteps.Gate, "the Hub was not asked");
            return;
        }
        if (card.Gate is not null)
            await repository.CheckAccessAsync(cancellationToken);
        steps.Pass(CheckSteps.Gate, card.Gate is null ? "not gated" : $"gated ({card.Gate}); access is granted");
    }

    private void DescribeRefusal(HubException refused, string step)
    {
        if (step.Length == 0)
            return;
        steps.Begin(step);
        steps.Fail(step, refused.Message);
        if (step is CheckSteps.Endpoint or CheckSteps.Disk)
            return;
        steps.Pass(CheckSteps.Endpoint, $"{refused.Endpoint} answers");
        if (step is CheckSteps.Gate or CheckSteps.Revision)
            steps.Pass(CheckSteps.Repository, "exists");
    }

    private async Task DescribeTokenAsync(HubClient client, bool reached, CancellationToken cancellationToken)
    {
        if (steps.HasFailed(CheckSteps.Token))
            return;
        RepoId repository = model.Repository!.Value;
        if (await options.Hub.FindTokenAsync(repository, cancellationToken) is not { } token)
            steps.Pass(CheckSteps.Token, "none is configured; a public model needs none");
        else if (!reached)
            steps.Leave(CheckSteps.Token, $"{token.Source}; the Hub was not asked");
        else
            Describe((await client.DescribeTokenAsync(repository, cancellationToken))!);
    }

    private void Describe(TokenReport report)
    {
        string role = report.Role is null ? "" : $", role {report.Role}";
        string gated = report.ReadsGated switch { true => ", may read gated repositories", false => ", may not read gated repositories", null => "" };
        if (report.IsAccepted == false || _refusedToken is not null)
            steps.Fail(CheckSteps.Token, RefusedToken.Describe(report.Source, _refusedToken?.Diagnosis));
        else if (report.IsAccepted == true)
            steps.Pass(CheckSteps.Token, $"{report.Source}: valid, account {report.Account}{role}{gated}");
        else
            steps.Leave(CheckSteps.Token, $"{report.Source}; the Hub did not say who it belongs to");
    }

    /// <summary>The step that a refusal belongs to; empty for that which runs.</summary>
    private static string StepOf(HubDiagnosis diagnosis) => diagnosis switch
    {
        HubDiagnosis.TokenInvalid or HubDiagnosis.TokenExpired or HubDiagnosis.TokenLacksScope or HubDiagnosis.OrgTokenPolicy => CheckSteps.Token,
        HubDiagnosis.NotFoundOrPrivate or HubDiagnosis.NotFoundForAccount or HubDiagnosis.NotFound or HubDiagnosis.RepoDisabled
            or HubDiagnosis.RegionBlocked or HubDiagnosis.Forbidden => CheckSteps.Repository,
        HubDiagnosis.GatedNeedsLogin or HubDiagnosis.GatedOtherAccount or HubDiagnosis.GatedOrTokenInvalid or HubDiagnosis.GatedPending or HubDiagnosis.GatedRejected
            or HubDiagnosis.GatedReset or HubDiagnosis.GatedNotRequested or HubDiagnosis.TokenLacksGatedPermission => CheckSteps.Gate,
        HubDiagnosis.RevisionNotFound => CheckSteps.Revision,
        HubDiagnosis.DiskFull or HubDiagnosis.CacheUnusable => CheckSteps.Disk,
        HubDiagnosis.EntryNotFound or HubDiagnosis.CorruptDownload => "",
        _ => CheckSteps.Endpoint,
    };
}
