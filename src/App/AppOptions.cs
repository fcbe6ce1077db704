using System.Globalization;
using LlmService.App.Tasks;
using LlmService.Hub;

namespace LlmService.App;

/// <summary>What the command line says; null where it is silent.</summary>
internal sealed record CommandLineValues
{
    public IReadOnlyList<string> Models { get; init; } = [];
    public string? Host { get; init; }
    public string? Port { get; init; }
    public string? Dtype { get; init; }
    public string? MaxModelLength { get; init; }
    public string? Threads { get; init; }
    public bool SkipTokenizerInit { get; init; }
}

/// <summary>All settings of a run, checked. Defaults &lt; appsettings.json &lt; .env &lt; environment &lt; command line.</summary>
internal sealed record AppOptions
{
    public required IReadOnlyList<ModelReference> Models { get; init; }
    public required string Host { get; init; }
    public required int Port { get; init; }
    public required int? MaxModelLength { get; init; }
    public required int Threads { get; init; }
    public required bool SkipTokenizerInit { get; init; }
    public required HubOptions Hub { get; init; }
    public required TaskPrompts Prompts { get; init; }

    /// <summary>Gathers and checks the settings.</summary>
    /// <exception cref="AppException">invalid_request, with every mistake.</exception>
    public static AppOptions Read(ProcessContext context, CommandLineValues commandLine)
    {
        List<string> mistakes = [];
        Settings settings = Settings.Read(context, mistakes);
        AppOptions options = new()
        {
            Models = ReadModels(context, commandLine.Models, settings, mistakes),
            Host = ReadHost(commandLine.Host ?? settings.Find("HOST", "Host")?.Value ?? "127.0.0.1", mistakes),
            Port = Number("--port", commandLine.Port, settings.Find("PORT", "Port"), 0, 65535, mistakes) ?? 3001,
            MaxModelLength = Number("--max-model-len", commandLine.MaxModelLength, settings.Find("LLM_SERVICE_MAX_MODEL_LEN", "MaxModelLen"), 1, 1 << 24, mistakes),
            Threads = ReadThreads(commandLine, settings, mistakes),
            SkipTokenizerInit = commandLine.SkipTokenizerInit,
            Hub = ReadHub(context, settings, mistakes),
            Prompts = TaskPrompts.Read(settings, mistakes),
        };
        CheckDtype(commandLine.Dtype ?? settings.Find("LLM_SERVICE_DTYPE", "Dtype")?.Value ?? "auto", mistakes);
        if (mistakes.Count > 0)
            throw new AppException(FailureCode.InvalidRequest, string.Join(" ", mistakes));
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

    private static void CheckDtype(string dtype, List<string> mistakes)
    {
        if (dtype is not ("auto" or "f32"))
            mistakes.Add($"--dtype: '{dtype}' is not one of auto, f32.");
    }

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

    private static HubOptions ReadHub(ProcessContext context, Settings settings, List<string> mistakes)
    {
        string home = Expand(settings.Variable("HF_HOME")?.Value, context)
            ?? Path.Combine(Expand(settings.Variable("XDG_CACHE_HOME")?.Value, context) ?? Path.Combine(context.HomeDirectory, ".cache"), "huggingface");
        string cache = Expand((settings.Variable("HF_HUB_CACHE") ?? settings.Variable("HUGGINGFACE_HUB_CACHE"))?.Value, context) ?? Path.Combine(home, "hub");
        HubToken? token = HubTokens.Find(settings, home, context.WorkingDirectory, mistakes);
        HubOptions options = new()
        {
            CacheFolder = cache,
            Token = token,
            Offline = settings.IsOn("HF_HUB_OFFLINE") || (settings.Variable("HF_HUB_OFFLINE") is null && settings.IsOn("TRANSFORMERS_OFFLINE")),
            TimeProvider = context.TimeProvider,
        };
        options = ReadEndpoint(settings, options, mistakes);
        try
        {
            options.Validate();
        }
        catch (ArgumentException e)
        {
            mistakes.Add(e.Message);
        }
        return options;
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
        // A .env that came with somebody's files must not draw a token from elsewhere to an endpoint of its choice.
        bool foreign = settings.FromEnvironment("HF_ENDPOINT") is null && options.Token?.Source.Contains(".env", StringComparison.Ordinal) == false;
        return options with { Endpoint = endpoint, Token = foreign ? null : options.Token };
    }

    private static string? Expand(string? path, ProcessContext context)
    {
        if (path is null)
            return null;
        string expanded = path == "~" || path.StartsWith("~/", StringComparison.Ordinal) ? context.HomeDirectory + path[1..] : path;
        return Path.GetFullPath(expanded, context.WorkingDirectory);
    }
}
