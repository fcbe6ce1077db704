using System.CommandLine;
using System.Text.Json.Nodes;
using LlmService.Inference.Weights.Tiles;

namespace LlmService.App.Cli;

/// <summary><c>cache tiles</c>: the packed weights that are kept for the next load.</summary>
internal static class CacheTilesCommand
{
    public static Command Create(ProcessContext context)
    {
        Option<bool> clear = new("--clear") { Description = "Remove them. They are made again when they are needed; models that run go on." };
        Option<bool> json = new("--json") { Description = "Write one JSON object." };
        Command command = new("tiles", "Lists the packed weights that are kept for the next load.") { clear, json };
        command.SetAction((parsed, _) => CacheSession.RunAsync(context, [], (session, _) => Task.FromResult(Invoke(session, parsed.GetValue(clear), parsed.GetValue(json)))));
        return command;
    }

    private static int Invoke(CacheSession session, bool clear, bool json)
    {
        TileCache? cache = session.Options.Tiles;
        IReadOnlyList<CachedTiles> tiles = (clear ? cache?.Clear() : cache?.List()) ?? [];
        if (json)
        {
            session.Context.Out.WriteLine(JsonOutput.Write(new JsonObject
            {
                ["ok"] = true,
                ["cache"] = cache?.Folder,
                ["size_bytes"] = tiles.Sum(t => t.SizeBytes),
                ["removed"] = clear,
                ["tiles"] = new JsonArray([.. tiles.Select(ToJson)]),
            }));
            return 0;
        }
        foreach (CachedTiles file in tiles)
            session.Context.Out.WriteLine($"{(clear ? "removed " : "")}{file.Name}  {Sizes.Format(file.SizeBytes)}, last used {file.LastUsed:yyyy-MM-dd}");
        session.Context.Error.WriteLine(cache is null ? "No packed weights are kept: the settings switch it off." : $"{tiles.Count} models, {Sizes.Format(tiles.Sum(t => t.SizeBytes))} in {cache.Folder}");
        return 0;
    }

    private static JsonObject ToJson(CachedTiles tiles) => new()
    {
        ["name"] = tiles.Name,
        ["size_bytes"] = tiles.SizeBytes,
        ["last_used"] = tiles.LastUsed.ToString("O", System.Globalization.CultureInfo.InvariantCulture),
    };
}
