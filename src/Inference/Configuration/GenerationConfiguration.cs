namespace LlmService.Inference.Configuration;

/// <summary>What <c>generation_config.json</c> says; where there is none, the same fields of <c>config.json</c>, as old repositories have them.</summary>
public sealed record GenerationConfiguration
{
    /// <summary>The file's name.</summary>
    public const string FileName = "generation_config.json";

    /// <summary>Whether to sample; absent means not.</summary>
    public bool DoSample { get; init; }

    /// <summary>How to choose when tokens are sampled. The reference library's own values are there where the file is silent.</summary>
    public SamplingParameters Sampling { get; init; } = new() { Temperature = 1, TopK = 50 };

    /// <summary>The tokens that end a text: of generation_config.json, else of config.json.</summary>
    public IReadOnlyList<int> EndTokenIds { get; init; } = [];

    /// <summary><c>stop_strings</c>: texts that end an answer.</summary>
    public IReadOnlyList<string> StopTexts { get; init; } = [];

    /// <summary><c>max_new_tokens</c>.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary><c>max_length</c>: how many tokens the decoder reads and writes, the prompt of a decoder-only model among them.</summary>
    public int? MaxLength { get; init; }

    /// <summary>How a request is answered that asks for nothing: as <see cref="Sampling"/> says, or greedily or by beams where the file does not ask for sampling.</summary>
    public SamplingParameters DefaultSampling => DoSample ? Sampling : Sampling with
    {
        Temperature = 0,
        TopK = 0,
        TopP = 1,
        MinP = 0,
        TypicalP = 1,
        EpsilonCutoff = 0,
        EtaCutoff = 0,
    };

    /// <summary>Reads the files of a folder.</summary>
    /// <exception cref="InferenceException">CorruptModel: damaged. UnsupportedModelType: it asks for a way to generate that is not built.</exception>
    public static GenerationConfiguration Load(string folder)
    {
        ConfigReader? model = ConfigReader.Open(Path.Combine(folder, ModelConfiguration.FileName));
        if ((ConfigReader.Open(Path.Combine(folder, FileName)) ?? model) is not { } file)
            return new();

        GenerationFields.RequireSupported(file);
        return new()
        {
            DoSample = file.Boolean("do_sample") ?? false,
            Sampling = GenerationFields.ReadSampling(file),
            EndTokenIds = file.TokenIds("eos_token_id") ?? model?.TokenIds("eos_token_id") ?? [],
            StopTexts = GenerationFields.ReadStopTexts(file),
            MaxNewTokens = file.Integer("max_new_tokens", 1, int.MaxValue),
            MaxLength = file.Integer("max_length", 1, int.MaxValue),
        };
    }
}
