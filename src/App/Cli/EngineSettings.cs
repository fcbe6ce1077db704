using System.CommandLine;

namespace LlmService.App.Cli;

/// <summary>The options that every command with an engine has.</summary>
internal sealed class EngineSettings
{
    private readonly Option<string?> _dtype = new("--dtype") { Description = "The format that weights are held and computed in; auto takes q8 for encoders, small models and 8-bit weights, else q4.", HelpName = "auto|f32|bf16|q8|q4" };
    private readonly Option<string?> _weights = WeightsOption.Create();
    private readonly Option<string?> _maxModelLength = new("--max-model-len") { Description = "The longest context in tokens; by default what the model's config.json says.", HelpName = "N" };
    private readonly Option<string?> _threads = new("--threads") { Description = "Threads that compute; 0 is what the machine or the control group grants.", HelpName = "N" };

    public void AddTo(Command command)
    {
        command.Options.Add(_dtype);
        command.Options.Add(_weights);
        command.Options.Add(_maxModelLength);
        command.Options.Add(_threads);
    }

    public CommandLineValues Read(ParseResult parsed, IReadOnlyList<string> models) => new()
    {
        Models = models,
        Dtype = parsed.GetValue(_dtype),
        Weights = parsed.GetValue(_weights),
        MaxModelLength = parsed.GetValue(_maxModelLength),
        Threads = parsed.GetValue(_threads),
    };
}

/// <summary><c>--weights</c>, which the commands without an engine have too.</summary>
internal static class WeightsOption
{
    public static Option<string?> Create() => new("--weights")
    {
        Description = "Which of the model's weights: a variant (model, fp16, q8, q4), a format (safetensors, pytorch, onnx, gguf) or a file's name.",
        HelpName = "VARIANT|FILE",
    };
}
