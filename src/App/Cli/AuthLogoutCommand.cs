using System.CommandLine;
using System.Text.Json.Nodes;
using LlmService.Hub;

namespace LlmService.App.Cli;

/// <summary><c>auth logout</c>: forgets one stored token, or all of them. The Hub still knows them; they are revoked on its settings page.</summary>
internal sealed class AuthLogoutCommand
{
    private readonly ProcessContext _context;
    private readonly Option<string?> _name = AuthCommand.NameOption();
    private readonly Option<bool> _json = AuthCommand.JsonOption();

    private AuthLogoutCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        AuthLogoutCommand logout = new(context);
        Command command = new("logout", "Forgets the stored tokens, or the one named.") { logout._name, logout._json };
        command.SetAction((parsed, cancellationToken) => logout.InvokeAsync(parsed, cancellationToken));
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        AuthSession session = AuthSession.Open(_context);
        string? name = parsed.GetValue(_name);
        bool removed = await session.OnDiskAsync(store => name is null ? store.ClearAsync(cancellationToken) : store.RemoveAsync(name, cancellationToken));
        if (name is not null && !removed)
            throw AuthSession.NoSuchName(name, session.Store.Tokens);
        HubToken? left = session.Tokens.Search.Find(null);
        string? warning = left is null ? null : $"The {left} is still used.";
        if (parsed.GetValue(_json))
        {
            _context.Out.WriteLine(JsonOutput.Write(new JsonObject
            {
                ["ok"] = true,
                ["removed"] = removed,
                ["token"] = name,
                ["still_used"] = left?.Source,
                ["warnings"] = AuthSession.Texts(warning is null ? [] : [warning]),
            }));
            return 0;
        }
        _context.Out.WriteLine(!removed ? "There was no stored token." : name is null ? "Logged out: no token is stored any more." : $"The token '{name}' is forgotten.");
        if (removed)
            _context.Out.WriteLine($"To end a token for good, revoke it at {session.TokenPage}.");
        if (warning is not null)
            _context.Error.WriteLine($"warning: {warning}");
        return 0;
    }
}
