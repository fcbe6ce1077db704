using System.CommandLine;
using LlmService.Hub;

namespace LlmService.App.Cli;

/// <summary><c>auth status</c>: every place where a token was looked for, which one won, what the Hub says of it, and what is unwise.</summary>
internal sealed class AuthStatusCommand
{
    private readonly ProcessContext _context;
    private readonly Option<bool> _json = AuthCommand.JsonOption();

    private AuthStatusCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        AuthStatusCommand status = new(context);
        Command command = new("status", "Shows every place where a token was looked for, which one won, and what it may do.") { status._json };
        command.SetAction((parsed, _) => status.InvokeAsync(parsed));
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed)
    {
        AuthSession session = AuthSession.Open(_context);
        using Interrupt interrupt = new();
        // Renewed first, so that what is shown is what the next request sends.
        HubToken? token = await session.Hub.FindTokenAsync(null, interrupt.Token);
        AuthReport report = new(session, session.Tokens.Search.Look(null), session.Tokens.Search.LookAtNamed(), token);
        if (token is not null && !session.Hub.Offline)
        {
            try
            {
                report = report with { Account = await session.WhoAmIAsync(token, interrupt.Token) };
            }
            catch (HubException e)
            {
                report = report with { Failure = Failures.From(e) };
            }
        }
        if (parsed.GetValue(_json))
            _context.Out.WriteLine(JsonOutput.Write(report.ToJson()));
        else
            report.Write(_context.Out);
        if (report.Failure is not { } failure)
            return 0;
        return CommandLine.Fail(_context, json: false, failure);
    }
}
