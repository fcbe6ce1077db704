using Spectre.Console;

namespace LlmService.App.Cli;

/// <summary>The console that commands write to.</summary>
internal static class Terminal
{
    /// <summary>Colours on a terminal; plain, unwrapped text elsewhere.</summary>
    public static IAnsiConsole Create(ProcessContext context)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(context.Out),
            Ansi = context.IsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = context.IsTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
        });
        if (!context.IsTerminal)
            console.Profile.Width = int.MaxValue;
        return console;
    }

    /// <summary>Standard error, when it is a terminal, for bars that redraw themselves.</summary>
    public static IAnsiConsole CreateForProgress(ProcessContext context) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new AnsiConsoleOutput(context.Error),
        Ansi = AnsiSupport.Detect,
        Interactive = InteractionSupport.Yes,
    });
}
