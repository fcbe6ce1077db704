using System.Globalization;
using System.Text.Json;
using LlmService.Hub;
using LlmService.Inference;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;
using LlmService.Tokenizers;
using LlmService.Tokenizers.Chat;

namespace LlmService.App.Check;

/// <summary>Finds out whether a model could be loaded, and if not why, before any weight moves: a few kilobytes, and nothing is written to the cache.</summary>
/// <param name="options">Settings.</param>
/// <param name="workers">Threads that an engine would have.</param>
internal sealed class ModelCheck(AppOptions options, WorkerPool workers)
{
    private const int MaxSmallFileBytes = 16 << 20;

    private static readonly string[] PrecisionFields = ["dtype", "torch_dtype"];

    /// <summary>Runs all steps.</summary>
    public async Task<CheckReport> RunAsync(ModelReference model, CancellationToken cancellationToken)
    {
        CheckSteps steps = model.Folder is null ? CheckSteps.OfHub() : CheckSteps.OfFolder();
        try
        {
            if (model.Folder is { } folder)
                await Task.Run(() => CheckFolder(model, folder, steps), cancellationToken);
            else
                await new HubCheck(options, model, steps).RunAsync((files, repository, cancel) => CheckRepositoryAsync(model, files, repository, steps, cancel), cancellationToken);
            return new(model.Text, steps.All, null);
        }
        catch (Exception e) when (e is HubException or AppException or InferenceException or TokenizerException)
        {
            Failure failure = Failures.From(e);
            steps.FailCurrent(failure.Message);
            return new(model.Text, steps.All, failure);
        }
    }

    private void CheckFolder(ModelReference model, string folder, CheckSteps steps)
    {
        steps.Begin(CheckSteps.Folder);
        ModelFiles files = ModelFiles.OfFolder(model);
        steps.Pass(CheckSteps.Folder, folder);
        ModelPlan plan = CheckFiles(model, files, folder, null, steps);
        steps.Pass(CheckSteps.Licence, ModelCard.ReadLicence(Path.Combine(folder, ModelCard.FileName)) ?? "the model card names none");
        CheckMemory(model, plan, steps);
        CheckContent(model, folder, plan, files, steps);
    }

    private async Task CheckRepositoryAsync(ModelReference model, ModelFiles files, ModelRepository repository, CheckSteps steps, CancellationToken cancellationToken)
    {
        steps.Begin(CheckSteps.Architecture);
        steps.Begin(CheckSteps.Weights);
        WeightChoice? choice = ModelPlan.Choose(files, options);
        steps.Begin(CheckSteps.Architecture);
        files.RequireConfiguration(choice, options.SkipTokenizerInit);
        // Beside the cache: a check must not leave half a snapshot there.
        string folder = Directory.CreateTempSubdirectory("llm-service-check-").FullName;
        try
        {
            foreach (string path in files.SmallFiles(choice))
            {
                byte[] content = await repository.ReadAsync(path, MaxSmallFileBytes, cancellationToken)
                    ?? throw new AppException(FailureCode.CorruptModel, $"'{path}' of '{model.Text}' has {files.Size(path)} bytes; at most {MaxSmallFileBytes} were expected.") { Remedy = "Choose another model: nothing that runs has such a file." };
                string target = Path.Combine(folder, path);
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                await File.WriteAllBytesAsync(target, content, cancellationToken);
            }
            if (choice?.IsSelfContained == true)
                await WeightHeaders.BringConfigurationAsync(repository, choice, folder, cancellationToken);
            ModelPlan plan = CheckFiles(model, files, folder, repository.Card, steps);
            steps.Pass(CheckSteps.Licence, repository.Card is null ? "unknown; the Hub was not asked" : repository.Card.Licence ?? "the model card names none");
            DownloadPlan download = CheckDownload(repository, [.. files.FilesBeforeWeights(choice), .. plan.Weights, .. plan.Modules], steps);
            CheckMemory(model, plan, steps);
            if (download.MissingFiles == 0)
                CheckContent(model, repository.SnapshotFolder, plan, files, steps);
            else if (plan.Choice.IsSelfContained && !OperatingSystem.IsWindows())
                await Task.Run(() => CheckWeights(model, folder, plan, files, steps), cancellationToken);
            else if (plan.Choice.Format != WeightFormat.Safetensors || ModelPlan.LeavesOpen(repository.Card))
                await CheckHeadersAsync(model, repository, folder, plan, files, steps, cancellationToken);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The steps that need only the names of the files and the small ones.</summary>
    private ModelPlan CheckFiles(ModelReference model, ModelFiles files, string folder, RepositoryCard? card, CheckSteps steps)
    {
        steps.Begin(CheckSteps.Weights);
        WeightChoice? choice = ModelPlan.Choose(files, options);
        steps.Begin(CheckSteps.Architecture);
        ModelConfiguration configuration = ModelPlan.ReadConfiguration(model, files, folder, options);
        steps.Pass(CheckSteps.Architecture, $"{configuration.ModelType}, which this service runs");

        bool lacksTokenizer = files.LacksTokenizer(choice, options.SkipTokenizerInit);
        if (lacksTokenizer)
            steps.Fail(CheckSteps.Tokenizer, "there is no tokenizer.json, nor what one is made of");
        if (lacksTokenizer && choice is not null)
            steps.Pass(CheckSteps.Weights, "present");
        steps.Begin(choice is not null && lacksTokenizer ? CheckSteps.Tokenizer : CheckSteps.Weights);
        ModelPlan plan = ModelPlan.Read(model, files, folder, configuration, card, options);
        steps.Pass(CheckSteps.Weights, DescribeWeights(files, plan, StoredPrecision(folder, card)));

        steps.Begin(CheckSteps.Tokenizer);
        ModelSource source = ModelSource.Of(folder, choice);
        ModelPlan.Told(model, folder, source.TokenizerConfig);
        steps.Pass(CheckSteps.Tokenizer, options.SkipTokenizerInit ? "not needed (--skip-tokenizer-init)"
            : files.HasTokenizer ? $"{files.TokenizerFiles[0]}, {Sizes.Format(files.Size(files.TokenizerFiles[0]))}" : $"inside {plan.Weights[0]}");
        CheckChatTemplate(source, steps);
        return plan;
    }

    /// <summary>A template that does not compile keeps no model from running, only from chats.</summary>
    private static void CheckChatTemplate(ModelSource source, CheckSteps steps)
    {
        try
        {
            steps.Pass(CheckSteps.ChatTemplate, source.ChatTemplate() is { } template ? $"compiles; {Describe(template.Abilities)}" : "none; chats get a plain rendering");
        }
        catch (TemplateException e)
        {
            steps.Fail(CheckSteps.ChatTemplate, $"{Failures.From(e).Message} The model runs, but answers no chats.");
        }
    }

    private static string Describe(ChatTemplateAbilities abilities)
    {
        (bool Has, string Name)[] all = [(abilities.SystemRole, "system messages"), (abilities.Tools, "tools"), (abilities.Documents, "documents"), (abilities.ThinkingVariable is not null, "thinking on and off")];
        string[] known = [.. all.Where(a => a.Has).Select(a => a.Name)];
        return known.Length == 0 ? "it knows users and assistants only" : $"it knows {string.Join(", ", known)}";
    }

    private static DownloadPlan CheckDownload(ModelRepository repository, IReadOnlyCollection<string> paths, CheckSteps steps)
    {
        steps.Begin(CheckSteps.Download);
        DownloadPlan download = repository.Plan(paths);
        repository.RequireReachable(paths);
        steps.Pass(CheckSteps.Download, $"{Sizes.Format(download.TotalBytes)} in {download.FileCount} files; {Sizes.Format(download.MissingBytes)} to come, the rest is in the cache");
        steps.Begin(CheckSteps.Disk);
        repository.RequireSpace(download);
        steps.Pass(CheckSteps.Disk, download.FreeBytes is { } free ? $"{Sizes.Format(free)} free for {Sizes.Format(download.MissingBytes)}" : "the system does not tell what is free");
        return download;
    }

    /// <summary>Where all files are at hand, they are looked at as a load does.</summary>
    private void CheckContent(ModelReference model, string folder, ModelPlan plan, ModelFiles files, CheckSteps steps)
    {
        steps.Begin(CheckSteps.Tokenizer);
        if (!options.SkipTokenizerInit)
            ModelPlan.Told(model, folder, ModelSource.Of(folder, plan.Choice).Tokenizer);
        CheckWeights(model, folder, plan, files, steps);
    }

    private void CheckWeights(ModelReference model, string folder, ModelPlan plan, ModelFiles files, CheckSteps steps)
    {
        steps.Begin(CheckSteps.Weights);
        ModelDescription description = ModelPlan.Told(model, folder, () => WeightCheck.Run(folder, plan.Configuration, ModelLoading.EngineOptionsOf(options, workers, plan.Choice)));
        steps.Pass(CheckSteps.Weights, DescribeWeights(files, plan, description.StoredPrecision));
    }

    /// <summary>Where the Hub has not read the headers of the weights, which it does of those that it understands.</summary>
    private async Task CheckHeadersAsync(
        ModelReference model, ModelRepository repository, string folder, ModelPlan plan, ModelFiles files, CheckSteps steps, CancellationToken cancellationToken)
    {
        steps.Begin(CheckSteps.Weights);
        if (await WeightHeaders.TryBringAsync(repository, plan.Choice, plan.Weights, folder, cancellationToken))
            await Task.Run(() => CheckWeights(model, folder, plan, files, steps), cancellationToken);
    }

    private static void CheckMemory(ModelReference model, ModelPlan plan, CheckSteps steps)
    {
        steps.Begin(CheckSteps.Memory);
        MemoryNeed need = plan.Memory;
        string longest = need.LongestContext >= need.ContextLength ? "the whole context fits"
            : need.LongestContext == 0 ? "no context fits beside the weights"
            : string.Create(CultureInfo.InvariantCulture, $"the longest context that fits beside the weights is {need.LongestContext} tokens (--max-model-len {need.LongestContext})");
        string detail = string.Create(CultureInfo.InvariantCulture,
            $"{need.Size.ParameterCount / 1e6:0.##} M parameters; {Sizes.Format(need.WeightBytes)} of weights ({ComputeFormats.NameOf(need.Format)}) and {Sizes.Format(need.CacheBytes)} {(plan.Configuration.IsEmbedder ? "to compute" : "of cache for")} {need.ContextLength} tokens ({Sizes.Format(need.Size.CacheBytesPerToken[need.Format])} each), {Sizes.Format(need.TotalBytes)} in all, of {Sizes.Format(need.AvailableBytes)}; {longest}");
        // A refusal keeps the numbers.
        steps.Fail(CheckSteps.Memory, detail);
        plan.RequireMemory(model);
        steps.Pass(CheckSteps.Memory, detail);
    }

    private string DescribeWeights(ModelFiles files, ModelPlan plan, string? stored)
    {
        string names = plan.Weights.Count == 1 ? plan.Weights[0] : $"{plan.Weights.Count} files from {plan.Weights[0]} on";
        string why = options.Weights is { } wanted ? $"asked for as {wanted}" : files.Weights.Count == 1 ? "all that there is" : "preferred";
        return $"{names} ({plan.Choice.Name}, {why}; {(stored is null ? "stored precision unknown" : $"stored as {stored}")}, computed in {ComputeFormats.NameOf(plan.Memory.Format)}), {Sizes.Format(plan.StoredBytes)}. {files.OthersThan(plan.Choice)}".TrimEnd();
    }

    // The Hub reads the headers of safetensors files; config.json says what the author meant.
    private static string? StoredPrecision(string folder, RepositoryCard? card)
    {
        if (card?.ParameterCounts is { Count: > 0 } counts)
            return counts.MaxBy(type => type.Value).Key.ToLowerInvariant();
        if (!File.Exists(Path.Combine(folder, ModelFiles.ConfigurationName)))
            return null;
        using JsonDocument config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, ModelFiles.ConfigurationName)), new JsonDocumentOptions { MaxDepth = 64 });
        string? declared = PrecisionFields
            .Select(field => config.RootElement.TryGetProperty(field, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null)
            .FirstOrDefault(text => text is not null);
        return declared switch { "float32" => "f32, says config.json", "float16" => "f16, says config.json", "bfloat16" => "bf16, says config.json", _ => null };
    }
}
