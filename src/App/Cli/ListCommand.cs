using System.CommandLine;
using System.Text.Json.Nodes;
using LlmService.Hub.Cache;

namespace LlmService.App.Cli;

/// <summary><c>list</c>: what lies in the cache.</summary>
internal static class ListCommand
{
    public static Command Create(ProcessContext context)
    {
        Option<bool> json = new("--json") { Description = "Write one JSON object." };
        Command command = new("list", "Lists the models in the cache.") { json };
        command.Aliases.Add("ls");
        command.SetAction((parsed, _) => CacheSession.RunAsync(context, [], (session, _) => Task.FromResult(Invoke(session, parsed.GetValue(json)))));
        return command;
    }

    private static int Invoke(CacheSession session, bool json)
    {
        IReadOnlyList<CachedModel> models = session.Cache.List();
        if (json)
        {
            session.Context.Out.WriteLine(JsonOutput.Write(new JsonObject
            {
                ["ok"] = true,
                ["cache"] = session.Cache.Folder,
                ["size_bytes"] = models.Sum(m => m.SizeBytes),
                ["models"] = new JsonArray([.. models.Select(ToJson)]),
            }));
            return 0;
        }
        foreach (CachedModel model in models)
            Write(session.Context.Out, model);
        session.Context.Error.WriteLine($"{models.Count} models, {Sizes.Format(models.Sum(m => m.SizeBytes))} in {session.Cache.Folder}");
        return 0;
    }

    private static void Write(TextWriter writer, CachedModel model)
    {
        foreach (CachedSnapshot snapshot in model.Snapshots)
        {
            int broken = snapshot.Files.Count(f => f.SizeBytes is null);
            string names = snapshot.Revisions.Count == 0 ? "" : $"  ({string.Join(", ", snapshot.Revisions)})";
            string trouble = broken == 0 ? "" : $", {broken} of them missing";
            writer.WriteLine($"{model.Id}@{snapshot.Commit}{names}  {Sizes.Format(snapshot.SizeBytes)}, {snapshot.Files.Count} files{trouble}");
        }
        if (model.PartialBytes > 0 || model.Snapshots.Count == 0)
            writer.WriteLine($"{model.Id}  {Sizes.Format(model.PartialBytes)} of downloads that are not complete");
    }

    private static JsonObject ToJson(CachedModel model) => new()
    {
        ["id"] = model.Id.Value,
        ["path"] = model.Folder,
        ["size_bytes"] = model.SizeBytes,
        ["partial_bytes"] = model.PartialBytes,
        ["snapshots"] = new JsonArray([.. model.Snapshots.Select(snapshot => new JsonObject
        {
            ["commit"] = snapshot.Commit,
            ["revisions"] = new JsonArray([.. snapshot.Revisions.Select(r => JsonValue.Create(r))]),
            ["path"] = snapshot.Folder,
            ["size_bytes"] = snapshot.SizeBytes,
            ["files"] = new JsonArray([.. snapshot.Files.Select(file => new JsonObject { ["path"] = file.Path, ["size_bytes"] = file.SizeBytes })]),
        })]),
    };
}
