using System.CommandLine;
using System.Text.Json.Nodes;
using LlmService.Hub;
using LlmService.Hub.Bundles;

namespace LlmService.App.Cli;

/// <summary><c>bundle create | verify | install</c>: models in one file, for machines without a network.</summary>
internal sealed class BundleCommand
{
    private readonly ProcessContext _context;
    private readonly Option<bool> _json = new("--json") { Description = "Write one JSON object." };
    private readonly Argument<string[]> _models = new("MODEL") { Description = "Hub ids owner/name[@revision].", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string> _output = new("--output", "-o") { Description = "The bundle to write.", HelpName = "FILE", Required = true };
    private readonly Option<bool> _skipTokenizer = new("--skip-tokenizer-init") { Description = "The models need not have a tokenizer." };
    private readonly Option<string?> _weights = WeightsOption.Create();
    private readonly Argument<string> _file = new("FILE") { Description = "The bundle." };

    private BundleCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        BundleCommand bundle = new(context);
        Command create = new("create", "Makes a bundle of models; downloads what is not cached yet.") { bundle._models, bundle._output, bundle._weights, bundle._skipTokenizer, bundle._json };
        create.SetAction((parsed, _) => CacheSession.RunAsync(
            context, parsed.GetValue(bundle._models)!, (session, cancel) => bundle.CreateAsync(session, parsed, cancel)));
        Command verify = new("verify", "Checks a bundle to its last byte, without installing it.") { bundle._file, bundle._json };
        verify.SetAction((parsed, _) => CacheSession.RunAsync(context, [], async (session, cancel) =>
            bundle.Report(session, parsed, await Bundle.VerifyAsync(bundle.FileOf(parsed), cancel), "verified")));
        Command install = new("install", "Puts the models of a bundle into the cache. Whatever the manifest does not name is refused.") { bundle._file, bundle._json };
        install.SetAction((parsed, _) => CacheSession.RunAsync(context, [], async (session, cancel) =>
            bundle.Report(session, parsed, await Bundle.InstallAsync(bundle.FileOf(parsed), session.Options.Hub, cancel), "installed")));
        return new Command("bundle", "Carries models to machines without a network.") { create, verify, install };
    }

    private async Task<int> CreateAsync(CacheSession session, ParseResult parsed, CancellationToken cancellationToken)
    {
        string path = PathOf(parsed.GetValue(_output)!);
        using HubClient client = new(session.Options.Hub);
        AppOptions options = session.Options with { SkipTokenizerInit = parsed.GetValue(_skipTokenizer), Weights = parsed.GetValue(_weights) ?? session.Options.Weights };
        ModelPull pull = new(client, options, DownloadReport.To(_context), _context.Error);
        List<BundleSource> sources = [];
        foreach (ModelReference model in session.Models)
        {
            DownloadedModel pulled = await pull.RunAsync(model, cancellationToken);
            sources.Add(new BundleSource(pulled.Repository, [.. pulled.Files, .. await LicensesAsync(pulled.Repository, cancellationToken)]));
        }
        return Report(session, parsed, await Bundle.CreateAsync(path, sources, cancellationToken), "created", path);
    }

    // The terms belong to the model. Where they cannot be had any more, the weights are still worth bundling.
    private async Task<IReadOnlyList<string>> LicensesAsync(ModelRepository repository, CancellationToken cancellationToken)
    {
        List<string> found = [];
        foreach (string path in Bundle.LicenseFiles(repository))
        {
            try
            {
                await repository.DownloadAsync([path], null, cancellationToken);
                found.Add(path);
            }
            catch (HubException e) when (repository.FromCacheOnly)
            {
                _context.Error.WriteLine($"warning: '{path}' of '{repository.Id}' is not in the bundle: {Failures.From(e).Message}");
            }
        }
        return found;
    }

    private int Report(CacheSession session, ParseResult parsed, BundleContent content, string what, string? path = null)
    {
        path ??= FileOf(parsed);
        if (parsed.GetValue(_json))
        {
            _context.Out.WriteLine(JsonOutput.Write(ToJson(session, path, content)));
            return 0;
        }
        foreach (BundledModel model in content.Manifest.Models)
            _context.Out.WriteLine($"{what} {model.Id}@{model.Commit}  {Sizes.Format(model.Files.Sum(f => f.Size))}, {model.Files.Count} files, licence: {model.License ?? "not stated"}");
        _context.Out.WriteLine($"manifest SHA-256: {content.ManifestSha256}");
        return 0;
    }

    private static JsonObject ToJson(CacheSession session, string path, BundleContent content) => new()
    {
        ["ok"] = true,
        ["path"] = path,
        ["size_bytes"] = content.SizeBytes,
        ["manifest_sha256"] = content.ManifestSha256,
        ["cache"] = session.Cache.Folder,
        ["models"] = new JsonArray([.. content.Manifest.Models.Select(model => new JsonObject
        {
            ["id"] = model.Id,
            ["commit"] = model.Commit,
            ["revisions"] = new JsonArray([.. model.Revisions.Select(r => JsonValue.Create(r))]),
            ["license"] = model.License,
            ["license_files"] = new JsonArray([.. model.LicenseFiles.Select(f => JsonValue.Create(f))]),
            ["files"] = new JsonArray([.. model.Files.Select(file => new JsonObject
            {
                ["path"] = file.Path,
                ["size_bytes"] = file.Size,
                ["sha256"] = file.Sha256,
            })]),
        })]),
    };

    private string FileOf(ParseResult parsed)
    {
        string path = PathOf(parsed.GetValue(_file)!);
        return File.Exists(path) ? path : throw new AppException(FailureCode.InvalidRequest, $"There is no bundle '{path}'.")
        {
            Parameter = "FILE",
            Remedy = "Name a file that 'bundle create' made.",
        };
    }

    private string PathOf(string file) => Path.GetFullPath(file, _context.WorkingDirectory);
}
