using System.CommandLine;
using System.Text.Json.Nodes;
using LlmService.Hub;

namespace LlmService.App.Cli;

/// <summary><c>auth whoami</c>: the account of the token that is used.</summary>
internal sealed class AuthWhoAmICommand
{
    private readonly ProcessContext _context;
    private readonly Option<bool> _json = AuthCommand.JsonOption();

    private AuthWhoAmICommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        AuthWhoAmICommand whoAmI = new(context);
        Command command = new("whoami", "Asks the Hub who the token belongs to.") { whoAmI._json };
        command.SetAction((parsed, _) => whoAmI.InvokeAsync(parsed));
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed)
    {
        AuthSession session = AuthSession.Open(_context);
        using Interrupt interrupt = new();
        HubToken token = await session.Hub.FindTokenAsync(null, interrupt.Token) ?? throw session.NotLoggedIn();
        HubAccount account = await session.WhoAmIAsync(token, interrupt.Token) ?? throw session.NotLoggedIn();
        if (parsed.GetValue(_json))
        {
            JsonObject answer = AuthSession.Describe(account);
            answer.Insert(0, "ok", true);
            answer["token"] = AuthSession.Describe(token, account);
            answer["endpoint"] = session.Endpoint;
            _context.Out.WriteLine(JsonOutput.Write(answer));
            return 0;
        }
        _context.Out.WriteLine(account.Name);
        if (account.Organizations.Count > 0)
            _context.Out.WriteLine($"organizations: {string.Join(", ", account.Organizations.Select(o => o.Name))}");
        _context.Out.WriteLine($"token: {token.Source}{(account.Role is { } role ? $" (role {role})" : "")}");
        if (session.Hub.Endpoint.Host != "huggingface.co")
            _context.Out.WriteLine($"endpoint: {session.Endpoint}");
        return 0;
    }
}
