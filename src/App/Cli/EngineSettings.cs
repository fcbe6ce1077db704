using System.CommandLine;

namespace LlmService.App.Cli;

/// <summary>The options that every command with an engine has.</summary>
internal sealed class EngineSettings
{
    private readonly Option<string?> _dtype = new("--dtype") { Description = "The format that the engine computes in: auto or f32.", HelpName = "auto|f32" };
    private readonly Option<string?> _maxModelLength = new("--max-model-len") { Description = "The longest context in tokens; by default what the model's config.json says.", HelpName = "N" };
    private readonly Option<string?> _threads = new("--threads") { Description = "Threads that compute; 0 is what the machine or the control group grants.", HelpName = "N" };

    public void AddTo(Command command)
    {
        command.Options.Add(_dtype);
        command.Options.Add(_maxModelLength);
        command.Options.Add(_threads);
    }

    public CommandLineValues Read(ParseResult parsed, IReadOnlyList<string> models) => new()
    {
        Models = models,
        Dtype = parsed.GetValue(_dtype),
        MaxModelLength = parsed.GetValue(_maxModelLength),
        Threads = parsed.GetValue(_threads),
    };
}
