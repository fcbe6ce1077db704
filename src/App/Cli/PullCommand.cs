using System.CommandLine;
using System.Text.Json.Nodes;
using LlmService.Hub;

namespace LlmService.App.Cli;

/// <summary><c>pull MODEL</c>: downloads what a load of the model needs.</summary>
internal sealed class PullCommand
{
    private readonly ProcessContext _context;
    private readonly Argument<string> _model = new("MODEL") { Description = "A Hub id owner/name[@revision]." };
    private readonly Option<bool> _skipTokenizer = new("--skip-tokenizer-init") { Description = "The model is to be served without a tokenizer; it need not have one." };
    private readonly Option<string?> _weights = WeightsOption.Create();
    private readonly Option<bool> _json = new("--json") { Description = "Write one JSON object." };

    private PullCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        PullCommand pull = new(context);
        Command command = new("pull", "Downloads a model into the cache: the files that a load needs, verified.") { pull._model, pull._weights, pull._skipTokenizer, pull._json };
        command.SetAction((parsed, _) => CacheSession.RunAsync(context, [parsed.GetValue(pull._model)!], (session, cancel) => pull.InvokeAsync(session, parsed, cancel)));
        return command;
    }

    private async Task<int> InvokeAsync(CacheSession session, ParseResult parsed, CancellationToken cancellationToken)
    {
        ModelReference model = session.Models[0];
        using HubClient client = new(session.Options.Hub);
        AppOptions options = session.Options with { SkipTokenizerInit = parsed.GetValue(_skipTokenizer), Weights = parsed.GetValue(_weights) ?? session.Options.Weights };
        DownloadedModel pulled = await new ModelPull(client, options, DownloadReport.To(_context), _context.Error).RunAsync(model, cancellationToken);
        if (parsed.GetValue(_json))
            _context.Out.WriteLine(JsonOutput.Write(ToJson(pulled)));
        else
            _context.Out.WriteLine(pulled.Repository.SnapshotFolder);
        return 0;
    }

    private static JsonObject ToJson(DownloadedModel pulled)
    {
        Dictionary<string, RepositoryFile> files = pulled.Repository.Files.ToDictionary(f => f.Path, StringComparer.Ordinal);
        return new JsonObject
        {
            ["ok"] = true,
            ["model"] = pulled.Repository.Id.Value,
            ["revision"] = pulled.Repository.Revision,
            ["commit"] = pulled.Repository.Commit,
            ["path"] = pulled.Repository.SnapshotFolder,
            ["weights"] = pulled.Weights.Name,
            ["from_cache_only"] = pulled.Repository.FromCacheOnly,
            ["size_bytes"] = pulled.Files.Sum(f => files[f].SizeBytes),
            ["files"] = new JsonArray([.. pulled.Files.Select(path => new JsonObject
            {
                ["path"] = path,
                ["size_bytes"] = files[path].SizeBytes,
                ["hash"] = files[path].Sha256 ?? files[path].BlobId,
            })]),
        };
    }
}
