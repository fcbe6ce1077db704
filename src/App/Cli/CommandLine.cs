using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Text;
using System.Text.RegularExpressions;

namespace LlmService.App.Cli;

/// <summary>The command line: parses it, runs the command, turns every failure into one sentence and an exit code.</summary>
internal static partial class CommandLine
{
    // The parser names the types of the code, which tell a user nothing.
    private static readonly (string Type, string Plain)[] TypeNames =
    [
        ("as expected type 'System.Nullable`1[System.Int32]'", "as a whole number"),
        ("as expected type 'System.Nullable`1[System.UInt64]'", "as a whole number of 0 or more"),
        ("as expected type 'System.Nullable`1[System.Single]'", "as a number"),
        ("as expected type 'System.Boolean'", "as true or false"),
    ];

    /// <summary>Runs the program.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string[] args, ProcessContext context)
    {
        RootCommand root = Build(context);
        // Prompts may begin with '@', which would otherwise name a response file.
        ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        bool json = args.TakeWhile(a => a != "--").Any(a => a is "--json" || a.StartsWith("--json=", StringComparison.Ordinal));
        if (parsed.Errors.Count > 0 && parsed.Action is not HelpAction)
            return Fail(context, json, new Failure(FailureCode.InvalidRequest, Sentence(parsed.Errors), "See llm-service --help."));
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                Output = context.Out,
                Error = context.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            });
        }
        catch (OperationCanceledException)
        {
            if (json)
                context.Out.WriteLine(JsonOutput.Failure(new Failure(FailureCode.Interrupted, "Interrupted before the answer was complete.")));
            return FailureCode.Interrupted.ExitCode;
        }
        catch (Exception e)
        {
            Failure failure = Failures.From(e);
            if (failure.Code == FailureCode.InternalError)
                context.Error.WriteLine(e.ToString());
            return Fail(context, json, failure);
        }
    }

    /// <summary>Says what failed: one JSON object on standard output with <c>--json</c>, else sentences on standard error.</summary>
    public static int Fail(ProcessContext context, bool json, Failure failure)
    {
        try
        {
            context.Error.WriteLine($"error: {failure.Message}");
            if (failure.Remedy is { } remedy && failure.Code != FailureCode.InvalidRequest)
                context.Error.WriteLine($"       {remedy}");
            if (json)
                context.Out.WriteLine(JsonOutput.Failure(failure));
        }
        catch (IOException)
        {
            // Nobody reads any more; the exit code still tells.
        }
        return failure.Code.ExitCode;
    }

    private static RootCommand Build(ProcessContext context)
    {
        RootCommand root = new("Runs text models of the Hugging Face Hub as an HTTP service, on this machine.")
        {
            ServeCommand.Create(context),
            QuickTestCommand.Create(context),
            EvaluateCommand.Create(context),
            RunCommand.Create(context),
            EmbedCommand.Create(context),
            TemplateCommand.Create(context),
            AuthCommand.Create(context),
            PullCommand.Create(context),
            ListCommand.Create(context),
            RemoveCommand.Create(context),
            VerifyCommand.Create(context),
            CacheCommand.Create(context),
            BundleCommand.Create(context),
            CheckCommand.Create(context),
            HealthCommand.Create(context),
            TokenizeCommand.Create(context),
            DetokenizeCommand.Create(context),
        };
        // Without a command, help is the answer; the parser would call it an error.
        root.SetAction(_ => new HelpAction().Invoke(root.Parse("--help")));
        return root;
    }

    private static string Sentence(IReadOnlyList<ParseError> errors)
    {
        StringBuilder sentence = new();
        foreach (string message in errors.Select(e => e.Message).Distinct(StringComparer.Ordinal))
            sentence.Append(sentence.Length > 0 ? " " : "").Append(message);
        foreach ((string type, string plain) in TypeNames)
            sentence.Replace(type, plain);
        // The parser quotes what it does not understand, and that may be a token in the wrong place.
        return SecretShape().Replace(sentence.Replace("\r", "").Replace("\n", " ").ToString(), "[token]");
    }

    [GeneratedRegex(@"\b(hf|api_org|xet)_[\w.\-]{4,}", RegexOptions.NonBacktracking)]
    private static partial Regex SecretShape();
}
