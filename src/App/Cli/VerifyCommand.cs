using System.CommandLine;
using System.Text.Json.Nodes;
using LlmService.Hub;
using LlmService.Hub.Cache;

namespace LlmService.App.Cli;

/// <summary><c>verify MODEL</c>: hashes everything that is cached of a model.</summary>
internal static class VerifyCommand
{
    public static Command Create(ProcessContext context)
    {
        Argument<string> model = new("MODEL") { Description = "A Hub id owner/name[@revision]." };
        Option<bool> json = new("--json") { Description = "Write one JSON object." };
        Command command = new("verify", "Compares the cached files of a model with the hashes that its repository promises.") { model, json };
        command.SetAction((parsed, _) => CacheSession.RunAsync(
            context, [parsed.GetValue(model)!], (session, cancel) => InvokeAsync(session, parsed.GetValue(json), cancel)));
        return command;
    }

    private static async Task<int> InvokeAsync(CacheSession session, bool json, CancellationToken cancellationToken)
    {
        ModelReference reference = session.Models[0];
        string? revision = CacheSession.RevisionOf(reference);
        CachedModel model = session.Find(reference);
        if (revision is not null && ModelCache.Find(model, revision) is null)
            throw session.NotCached(reference);

        // Files without a known hash are judged by the Hub's listing, when the Hub can be asked.
        List<VerifiedFile> files = await VerifyAsync(session, model, revision, json, cancellationToken);
        if (files.Any(f => f.Status == VerifiedStatus.Unknown && f.Commit is not null) && await FetchListingsAsync(session, model, files, cancellationToken))
            files = await VerifyAsync(session, model, revision, json, cancellationToken);

        Failure? failure = FailureOf(reference, files);
        if (json)
            session.Context.Out.WriteLine(JsonOutput.Write(ToJson(model, files, failure)));
        if (failure is null)
        {
            int unknown = files.Count(f => f.Status == VerifiedStatus.Unknown);
            string rest = unknown == 0 ? "" : $" The hashes of {unknown} are not known.";
            session.Context.Error.WriteLine($"{files.Count} files, {Sizes.Format(files.Sum(f => f.SizeBytes ?? 0))}: none is damaged.{rest}");
            return 0;
        }
        return CommandLine.Fail(session.Context, json: false, failure);
    }

    private static async Task<List<VerifiedFile>> VerifyAsync(CacheSession session, CachedModel model, string? revision, bool json, CancellationToken cancellationToken)
    {
        List<VerifiedFile> files = [];
        await foreach (VerifiedFile file in session.Cache.VerifyAsync(model, revision, cancellationToken))
        {
            files.Add(file);
            if (!json)
                session.Context.Out.WriteLine($"{Name(file.Status),-8}{(file.Commit is null ? "" : file.Commit + " ")}{file.Path}");
        }
        return files;
    }

    private static async Task<bool> FetchListingsAsync(CacheSession session, CachedModel model, List<VerifiedFile> files, CancellationToken cancellationToken)
    {
        using HubClient client = new(session.Options.Hub);
        bool any = false;
        foreach (string commit in files.Where(f => f.Status == VerifiedStatus.Unknown).Select(f => f.Commit).OfType<string>().Distinct(StringComparer.Ordinal))
        {
            try
            {
                ModelRepository repository = await client.OpenAsync(model.Id, commit, cancellationToken);
                await repository.DownloadAsync([], null, cancellationToken);
                any |= !repository.FromCacheOnly;
            }
            catch (HubException e)
            {
                session.Context.Error.WriteLine($"warning: the Hub could not tell the hashes of {commit}: {Failures.From(e).Message}");
            }
        }
        return any;
    }

    private static Failure? FailureOf(ModelReference model, List<VerifiedFile> files)
    {
        List<VerifiedFile> bad = [.. files.Where(f => f.Status is VerifiedStatus.Corrupt or VerifiedStatus.Missing)];
        if (bad.Count == 0)
            return null;
        string names = string.Join(", ", bad.Take(5).Select(f => $"'{f.Path}'")) + (bad.Count > 5 ? ", …" : "");
        return new Failure(FailureCode.CorruptModel, $"{bad.Count} of {files.Count} cached files of '{model.Text}' are damaged or missing: {names}.",
            $"Remove it with 'rm {model.Text}' and download it again with 'pull'.", bad.Exists(f => f.Status == VerifiedStatus.Corrupt) ? "CorruptCache" : "IncompleteCache");
    }

    private static JsonObject ToJson(CachedModel model, List<VerifiedFile> files, Failure? failure)
    {
        JsonObject json = failure is null ? new JsonObject { ["ok"] = true } : JsonOutput.OfFailure(failure);
        json["model"] = model.Id.Value;
        json["files"] = new JsonArray([.. files.Select(file => new JsonObject
        {
            ["path"] = file.Path,
            ["commit"] = file.Commit,
            ["status"] = Name(file.Status),
            ["size_bytes"] = file.SizeBytes,
            ["hash"] = file.Expected,
            ["location"] = file.Location,
        })]);
        return json;
    }

    private static string Name(VerifiedStatus status) => status switch
    {
        VerifiedStatus.Ok => "ok",
        VerifiedStatus.Corrupt => "corrupt",
        VerifiedStatus.Missing => "missing",
        VerifiedStatus.Unknown => "unknown",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "unknown status"),
    };
}
