using System.CommandLine;

namespace LlmService.App.Cli;

/// <summary><c>auth</c>: logging in to the Hub, and seeing which token is used and why.</summary>
internal static class AuthCommand
{
    public static Command Create(ProcessContext context) => new("auth", "Logs in to the Hub, and shows which token is used and why.")
    {
        AuthLoginCommand.Create(context),
        AuthLogoutCommand.Create(context),
        AuthSwitchCommand.Create(context),
        AuthListCommand.Create(context),
        AuthWhoAmICommand.Create(context),
        AuthStatusCommand.Create(context),
    };

    /// <summary>The switch that all of them have.</summary>
    public static Option<bool> JsonOption() => new("--json") { Description = "Write one JSON object instead of the text." };

    /// <summary>The name of a stored token.</summary>
    public static Option<string?> NameOption()
    {
        Option<string?> name = new("--name", "--token-name") { Description = "The name of a stored token.", HelpName = "NAME" };
        return name;
    }
}
