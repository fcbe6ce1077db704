using System.Text.Json.Nodes;
using LlmService.Hub.Cache;

namespace LlmService.App.Cli;

/// <summary>Asks for a removal, does it, and tells what was freed.</summary>
internal static class RemovalReport
{
    public static async Task<int> RunAsync(CacheSession session, CacheRemoval removal, bool yes, bool json, CancellationToken cancellationToken)
    {
        if (removal.Models.Count > 0 && !yes && !await session.ConfirmsAsync(Question(removal), cancellationToken))
            throw CacheSession.NotConfirmed();
        RemovedFromCache removed = removal.Execute();
        if (json)
            session.Context.Out.WriteLine(JsonOutput.Write(ToJson(removal, removed)));
        else
            Write(session.Context, removal, removed);
        return 0;
    }

    private static string Question(CacheRemoval removal)
    {
        IEnumerable<string> lines = removal.Models.Select(model => $"  {Describe(model)}{Environment.NewLine}");
        return $"{string.Concat(lines)}Remove this and free {Sizes.Format(removal.SizeBytes)}?";
    }

    private static string Describe(ModelRemoval model)
    {
        string[] parts =
        [
            .. model.Commits.Select(commit => $"commit {commit}"),
            .. model.Revisions.Select(revision => $"name '{revision}'"),
        ];
        string what = model.IsWhole ? "everything" : parts.Length > 0 ? string.Join(", ", parts) : "files that no revision uses";
        return $"{model.Id}: {what}";
    }

    private static void Write(ProcessContext context, CacheRemoval removal, RemovedFromCache removed)
    {
        foreach (ModelRemoval model in removal.Models)
            context.Out.WriteLine($"removed {Describe(model)}");
        context.Out.WriteLine($"freed {Sizes.Format(removed.FreedBytes)}");
        foreach (string blob in removed.InUse)
            context.Error.WriteLine($"warning: '{blob}' stays: another process is downloading it.");
    }

    private static JsonObject ToJson(CacheRemoval removal, RemovedFromCache removed) => new()
    {
        ["ok"] = true,
        ["freed_bytes"] = removed.FreedBytes,
        ["removed"] = new JsonArray([.. removal.Models.Select(model => new JsonObject
        {
            ["id"] = model.Id.Value,
            ["whole"] = model.IsWhole,
            ["commits"] = new JsonArray([.. model.Commits.Select(c => JsonValue.Create(c))]),
            ["revisions"] = new JsonArray([.. model.Revisions.Select(r => JsonValue.Create(r))]),
            ["size_bytes"] = model.SizeBytes,
        })]),
        ["in_use"] = new JsonArray([.. removed.InUse.Select(b => JsonValue.Create(b))]),
    };
}
