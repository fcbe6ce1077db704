using System.CommandLine;
using LlmService.Hub.Cache;

namespace LlmService.App.Cli;

/// <summary><c>rm MODEL[@revision]</c>: removes a model, or one revision of it, from the cache.</summary>
internal static class RemoveCommand
{
    public static Command Create(ProcessContext context)
    {
        Argument<string> model = new("MODEL") { Description = "A Hub id owner/name: all of it; with @revision: that branch, tag or commit." };
        Option<bool> yes = new("--yes", "-y") { Description = "Do not ask." };
        Option<bool> json = new("--json") { Description = "Write one JSON object." };
        Command command = new("rm", "Removes a model from the cache. Files that another revision uses stay.") { model, yes, json };
        command.SetAction((parsed, _) => CacheSession.RunAsync(context, [parsed.GetValue(model)!], (session, cancel) =>
        {
            ModelReference reference = session.Models[0];
            CacheRemoval removal = session.Cache.PlanRemoval(reference.Repository!.Value, CacheSession.RevisionOf(reference)) ?? throw session.NotCached(reference);
            return RemovalReport.RunAsync(session, removal, parsed.GetValue(yes), parsed.GetValue(json), cancel);
        }));
        return command;
    }
}
