using System.Globalization;
using LlmService.App.Tasks;
using LlmService.Hub;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;
using LlmService.Inference.Weights.Tiles;

namespace LlmService.App;

/// <summary>What the command line says; null where it is silent.</summary>
internal sealed record CommandLineValues
{
    public IReadOnlyList<string> Models { get; init; } = [];
    public string? Host { get; init; }
    public string? Port { get; init; }
    public string? Dtype { get; init; }
    public string? Weights { get; init; }
    public string? MaxModelLength { get; init; }
    public string? Threads { get; init; }
    public bool SkipTokenizerInit { get; init; }
}

/// <summary>All settings of a run, checked. Defaults &lt; appsettings.json &lt; .env &lt; environment &lt; command line.</summary>
internal sealed record AppOptions
{
    private const string Auto = "auto", Off = "off";

    private const int DefaultTileCacheGigabytes = 20;

    public required IReadOnlyList<ModelReference> Models { get; init; }
    public required string Host { get; init; }
    public required int Port { get; init; }
    public required int? MaxModelLength { get; init; }
    public required int Threads { get; init; }
    public required bool SkipTokenizerInit { get; init; }

    /// <summary>The format that weights are held in; null lets the size of the model decide.</summary>
    public required ComputeFormat? Format { get; init; }

    /// <summary>The instruction set that the kernels use.</summary>
    public required KernelPath Kernels { get; init; }

    /// <summary>Whether 8-bit ONNX weights are computed as ONNX Runtime computes them.</summary>
    public required bool ExactOnnx { get; init; }

    /// <summary>Which of a model's sets of weights: a variant, a format or a file; null for the preferred one.</summary>
    public required string? Weights { get; init; }

    /// <summary>Where packed weights are kept from run to run; null where they are not.</summary>
    public required TileCache? Tiles { get; init; }

    public required HubOptions Hub { get; init; }
    public required TaskPrompts Prompts { get; init; }

    /// <summary>Whether weights are computed as ONNX Runtime computes them: those of 8 bits in ONNX graphs, where it was asked for.</summary>
    public bool IsExact(WeightChoice weights) => ExactOnnx && weights is { Format: WeightFormat.Onnx, HasEightBits: true };

    /// <summary>The format to hold weights in; null lets the size of the model decide.</summary>
    public ComputeFormat? FormatFor(WeightChoice weights) => IsExact(weights) ? ComputeFormat.F32 : Format;

    /// <summary>Gathers and checks the settings.</summary>
    /// <exception cref="AppException">invalid_request, with every mistake.</exception>
    public static AppOptions Read(ProcessContext context, CommandLineValues commandLine)
    {
        List<string> mistakes = [];
        Settings settings = Settings.Read(context, mistakes);
        (HubOptions hub, HubTokens tokens) = ReadHub(context, settings, mistakes);
        List<ModelReference> models = ReadModels(context, commandLine.Models, settings, mistakes);
        // A token for one owner matters where a model is that owner's; the one for everything else always does.
        mistakes.AddRange(models.Select(model => model.Repository).Append(null).Select(tokens.FindMistake).OfType<string>().Distinct());
        AppOptions options = new()
        {
            Models = models,
            Host = ReadHost(commandLine.Host ?? settings.Find("HOST", "Host")?.Value ?? "127.0.0.1", mistakes),
            Port = Number("--port", commandLine.Port, settings.Find("PORT", "Port"), 0, 65535, mistakes) ?? 3001,
            MaxModelLength = Number("--max-model-len", commandLine.MaxModelLength, settings.Find("LLM_SERVICE_MAX_MODEL_LEN", "MaxModelLen"), 1, 1 << 24, mistakes),
            Threads = ReadThreads(commandLine, settings, mistakes),
            SkipTokenizerInit = commandLine.SkipTokenizerInit,
            Format = ReadFormat(commandLine.Dtype ?? settings.Find("LLM_SERVICE_DTYPE", "Dtype")?.Value ?? Auto, mistakes),
            Kernels = ReadKernels(settings, mistakes),
            ExactOnnx = settings.IsOn("LLM_SERVICE_EXACT_ONNX"),
            Weights = commandLine.Weights ?? settings.Find("LLM_SERVICE_WEIGHTS", "Weights")?.Value,
            Tiles = ReadTiles(context, settings, mistakes),
            Hub = hub,
            Prompts = TaskPrompts.Read(settings, mistakes),
        };
        if (mistakes.Count > 0)
            throw new AppException(FailureCode.InvalidRequest, string.Join(" ", mistakes)) { Remedy = "Correct what is named, then try again; the README's section Configuration has every setting." };
        return options;
    }

    private static List<ModelReference> ReadModels(ProcessContext context, IReadOnlyList<string> given, Settings settings, List<string> mistakes)
    {
        IReadOnlyList<string> texts = given.Count > 0
            ? given
            : settings.Find("LLM_MODEL_NAME", "Model")?.Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [ModelReference.DemoName];
        List<ModelReference> models = [];
        foreach (string text in texts)
        {
            try
            {
                ModelReference model = ModelReference.Parse(text, context.WorkingDirectory, context.HomeDirectory);
                if (models.Any(m => m.Id == model.Id))
                    mistakes.Add($"Two models have the id '{model.Id}'; ask for each once.");
                else
                    models.Add(model);
            }
            catch (AppException e)
            {
                mistakes.Add($"{e.Message} {e.Remedy}");
            }
        }
        return models;
    }

    private static string ReadHost(string host, List<string> mistakes)
    {
        if (host is not ("localhost" or "*") && !System.Net.IPAddress.TryParse(host, out _))
            mistakes.Add($"--host: '{host}' is neither an IP address nor localhost.");
        return host;
    }

    private static int ReadThreads(CommandLineValues commandLine, Settings settings, List<string> mistakes)
    {
        int threads = Number("--threads", commandLine.Threads, settings.Find("LLM_SERVICE_THREADS", "Threads"), 0, 1024, mistakes) ?? 0;
        // The runtime counts the cores that the control group grants.
        return threads == 0 ? Environment.ProcessorCount : threads;
    }

    private static ComputeFormat? ReadFormat(string dtype, List<string> mistakes)
    {
        ComputeFormat? format = ComputeFormats.Find(dtype);
        if (format is null && dtype != Auto)
            mistakes.Add($"--dtype: '{dtype}' is not one of {Auto}, {string.Join(", ", Enum.GetValues<ComputeFormat>().Select(ComputeFormats.NameOf))}.");
        return format;
    }

    private static KernelPath ReadKernels(Settings settings, List<string> mistakes)
    {
        if (settings.Find("LLM_SERVICE_ISA", "Isa") is not { } setting || setting.Value == Auto)
            return KernelPaths.Best;
        KernelPath[] all = Enum.GetValues<KernelPath>();
        KernelPath? path = all.Where(p => p.ToString().Equals(setting.Value, StringComparison.OrdinalIgnoreCase)).Select(p => (KernelPath?)p).FirstOrDefault();
        if (path is null)
            mistakes.Add($"{setting.Source}: '{setting.Value}' is not one of {Auto}, {string.Join(", ", all.Select(p => p.ToString().ToLowerInvariant()))}.");
        else if (!KernelPaths.IsSupported(path.Value))
            mistakes.Add($"{setting.Source}: this machine has no {setting.Value}; its best is {KernelPaths.Best.ToString().ToLowerInvariant()}.");
        return path ?? KernelPaths.Best;
    }

    private static TileCache? ReadTiles(ProcessContext context, Settings settings, List<string> mistakes)
    {
        int gigabytes = Number("", null, settings.Find("LLM_SERVICE_TILE_CACHE_GB", "TileCacheGb"), 0, 1 << 20, mistakes) ?? DefaultTileCacheGigabytes;
        string? folder = settings.Find("LLM_SERVICE_TILE_CACHE", "TileCache")?.Value;
        if (folder == Off || gigabytes == 0)
            return null;
        return new TileCache(Expand(folder, context) ?? Path.Combine(UserCache(context, settings), "llm-service", "tiles"), gigabytes * 1_000_000_000L);
    }

    /// <summary>Where programs of this user keep what can be made again.</summary>
    private static string UserCache(ProcessContext context, Settings settings) =>
        Expand(settings.Variable("XDG_CACHE_HOME")?.Value, context) ?? Path.Combine(context.HomeDirectory, ".cache");

    private static int? Number(string option, string? given, Setting? setting, int lowest, int highest, List<string> mistakes)
    {
        string? text = given ?? setting?.Value;
        if (text is null)
            return null;
        if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= lowest && value <= highest)
            return value;
        mistakes.Add($"{(given is null ? setting!.Source : option)}: '{text}' is not a whole number from {lowest} to {highest}.");
        return null;
    }

    /// <summary>The settings of the Hub's client, and where its tokens come from.</summary>
    /// <param name="context">Variables and folders.</param>
    /// <param name="settings">The layers of settings.</param>
    /// <param name="mistakes">Receives a sentence for each setting that cannot be right.</param>
    internal static (HubOptions Options, HubTokens Tokens) ReadHub(ProcessContext context, Settings settings, List<string> mistakes)
    {
        string home = Expand(settings.Variable("HF_HOME")?.Value, context)
            ?? Path.Combine(UserCache(context, settings), "huggingface");
        string cache = Expand((settings.Variable("HF_HUB_CACHE") ?? settings.Variable("HUGGINGFACE_HUB_CACHE"))?.Value, context) ?? Path.Combine(home, "hub");
        HubOptions options = new()
        {
            CacheFolder = cache,
            Offline = settings.IsOn("HF_HUB_OFFLINE") || (settings.Variable("HF_HUB_OFFLINE") is null && settings.IsOn("TRANSFORMERS_OFFLINE")),
            DisableSymlinks = settings.IsOn("HF_HUB_DISABLE_SYMLINKS"),
            TimeProvider = context.TimeProvider,
        };
        options = ReadEndpoint(settings, options, mistakes);
        // Where .NET reads the system's own variable itself, a .env file is still out of its sight.
        Setting? authorities = settings.Find("LLM_SERVICE_CA_FILE", "CaFile")
            ?? (OperatingSystem.IsLinux() ? settings.FromDotEnv("SSL_CERT_FILE") : settings.Variable("SSL_CERT_FILE"));
        HubTokens tokens = HubTokens.Read(context, settings, home, options, authorities, mistakes);
        options = tokens.AddTo(options);
        options = ReadNetwork(settings, options with { CertificateAuthorityFile = Expand(authorities?.Value, context) }, context, mistakes);
        try
        {
            options.Validate();
        }
        catch (ArgumentException e)
        {
            mistakes.Add(AppException.SentenceOf(e));
        }
        return (options, tokens);
    }

    // The names and meanings are those of the Hub's own tools; 0 stands for the default there too.
    private static HubOptions ReadNetwork(Settings settings, HubOptions options, ProcessContext context, List<string> mistakes)
    {
        int metadata = Number("", null, settings.Variable("HF_HUB_ETAG_TIMEOUT"), 0, 3600, mistakes) ?? 0;
        int download = Number("", null, settings.Variable("HF_HUB_DOWNLOAD_TIMEOUT"), 0, 3600, mistakes) ?? 0;
        return options with
        {
            MetadataTimeout = metadata == 0 ? options.MetadataTimeout : TimeSpan.FromSeconds(metadata),
            DownloadTimeout = download == 0 ? options.DownloadTimeout : TimeSpan.FromSeconds(download),
            Proxy = ReadProxy(settings, mistakes),
            Warnings = new HubWarningLines(context.Error),
        };
    }

    /// <summary>Null when no variable names a proxy; the system's settings then count.</summary>
    private static HubProxy? ReadProxy(Settings settings, List<string> mistakes)
    {
        // Under CGI a caller could set HTTP_PROXY by a header of that name, so there only the lower-case form counts.
        string? http = Variable("http_proxy") ?? (settings.FromEnvironment("GATEWAY_INTERFACE") is null ? Variable("HTTP_PROXY") : null);
        string? https = Variable("https_proxy") ?? Variable("HTTPS_PROXY");
        string? all = Variable("all_proxy") ?? Variable("ALL_PROXY");
        if (http is null && https is null && all is null)
            return null;
        try
        {
            return new HubProxy(http, https, all, Variable("no_proxy") ?? Variable("NO_PROXY"));
        }
        catch (ArgumentException e)
        {
            mistakes.Add(AppException.SentenceOf(e));
            return null;
        }

        string? Variable(string name) => settings.Variable(name)?.Value;
    }

    private static HubOptions ReadEndpoint(Settings settings, HubOptions options, List<string> mistakes)
    {
        if (settings.Variable("HF_ENDPOINT") is not { } setting)
            return options;
        if (!Uri.TryCreate(setting.Value, UriKind.Absolute, out Uri? endpoint) || endpoint.Scheme is not ("http" or "https") || endpoint.UserInfo.Length > 0)
        {
            mistakes.Add($"{setting.Source}: not an http(s) address without user name.");
            return options;
        }
        return options with { Endpoint = endpoint };
    }

    private static string? Expand(string? path, ProcessContext context) => path is null ? null : context.Expand(path);
}
