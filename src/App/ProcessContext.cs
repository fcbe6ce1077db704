using System.Text.RegularExpressions;

namespace LlmService.App;

/// <summary>What the process gives a command: variables, folders and streams. Tests hand in their own.</summary>
internal sealed partial record ProcessContext
{
    private const char EndOfInput = '\u0004';
    private const char EraseLine = '\u0015';
    private const int DefaultWidth = 120;

    public required IReadOnlyDictionary<string, string> Variables { get; init; }

    public required string WorkingDirectory { get; init; }

    public required string HomeDirectory { get; init; }

    public required TextReader In { get; init; }

    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    /// <summary>Whether standard output is a terminal that may show colours.</summary>
    public bool IsTerminal { get; init; }

    /// <summary>Whether standard error is a terminal, for progress that rewrites its line.</summary>
    public bool IsErrorTerminal { get; init; }

    /// <summary>How many columns the terminal of standard error has.</summary>
    public Func<int> ErrorWidth { get; init; } = () => DefaultWidth;

    /// <summary>Reads a line from the terminal without showing it; null where standard input is no terminal.</summary>
    public Func<string?>? ReadHidden { get; init; }

    /// <summary>Whether somebody can be asked: standard input and standard error are a terminal.</summary>
    public bool IsInteractive { get; init; }

    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>The full path of one that a user wrote: <c>~</c>, <c>$NAME</c> and <c>${NAME}</c> are filled in, as the Hub's own tools do.</summary>
    public string Expand(string path)
    {
        string filled = Variable().Replace(path, name => Variables.GetValueOrDefault(name.Groups[1].Value + name.Groups[2].Value) ?? name.Value);
        if (filled == "~" || filled.StartsWith("~/", StringComparison.Ordinal))
            filled = HomeDirectory + filled[1..];
        return Path.GetFullPath(filled, WorkingDirectory);
    }

    /// <summary>The context of this process.</summary>
    public static ProcessContext Current()
    {
        Dictionary<string, string> variables = new(OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal);
        foreach (System.Collections.DictionaryEntry entry in Environment.GetEnvironmentVariables())
            variables[(string)entry.Key] = (string?)entry.Value ?? "";
        bool colours = string.IsNullOrEmpty(variables.GetValueOrDefault("NO_COLOR")) && variables.GetValueOrDefault("TERM") != "dumb";
        return new()
        {
            Variables = variables,
            WorkingDirectory = Environment.CurrentDirectory,
            // As it stands, also where it is not there: a stand-in that others may write to would hold tokens and models of whoever came first.
            HomeDirectory = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify) is { Length: > 0 } home
                ? home : Path.GetPathRoot(Environment.CurrentDirectory)!,
            In = Console.In,
            Out = Console.Out,
            Error = Console.Error,
            IsTerminal = colours && !Console.IsOutputRedirected,
            ReadHidden = Console.IsInputRedirected ? null : ReadHiddenLine,
            IsErrorTerminal = colours && !Console.IsErrorRedirected,
            ErrorWidth = () => Console.WindowWidth is > 0 and int columns ? columns : DefaultWidth,
            IsInteractive = !Console.IsInputRedirected && !Console.IsErrorRedirected,
        };
    }

    // The keys of every line editor: Backspace, Ctrl-U for all of it, Ctrl-D for the end of the input.
    private static string? ReadHiddenLine()
    {
        System.Text.StringBuilder line = new();
        while (Console.ReadKey(intercept: true) is { Key: not ConsoleKey.Enter } key)
        {
            if (key.KeyChar == EndOfInput)
                return null;
            if (key.KeyChar == EraseLine)
                line.Clear();
            else if (key.Key == ConsoleKey.Backspace)
                line.Length = Math.Max(0, line.Length - 1);
            else if (key.KeyChar != '\0')
                line.Append(key.KeyChar);
        }
        return line.ToString();
    }

    [GeneratedRegex(@"\$(?:(\w+)|\{(\w+)\})")]
    private static partial Regex Variable();
}
