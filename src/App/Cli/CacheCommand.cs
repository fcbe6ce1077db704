using System.CommandLine;

namespace LlmService.App.Cli;

/// <summary><c>cache prune</c>: removes what nobody names any more. <c>cache tiles</c>: packed weights.</summary>
internal static class CacheCommand
{
    public static Command Create(ProcessContext context)
    {
        Option<bool> yes = new("--yes", "-y") { Description = "Do not ask." };
        Option<bool> json = new("--json") { Description = "Write one JSON object." };
        Command prune = new("prune", "Removes snapshots that no branch or tag names, broken-off downloads, and files that no snapshot uses.") { yes, json };
        prune.SetAction((parsed, _) => CacheSession.RunAsync(context, [], (session, cancel) =>
            RemovalReport.RunAsync(session, session.Cache.PlanPrune(context.TimeProvider), parsed.GetValue(yes), parsed.GetValue(json), cancel)));
        return new Command("cache", "Keeps the cache in order.") { prune, CacheTilesCommand.Create(context) };
    }
}
