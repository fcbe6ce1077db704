using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using LlmService.Hub;
using LlmService.Hub.Tokens;

namespace LlmService.App.Cli;

/// <summary><c>auth list</c>: the stored tokens, by name.</summary>
internal sealed class AuthListCommand
{
    private readonly ProcessContext _context;
    private readonly Option<bool> _json = AuthCommand.JsonOption();

    private AuthListCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        AuthListCommand list = new(context);
        Command command = new("list", "Lists the stored tokens. None is shown, not even in part.") { list._json };
        command.Aliases.Add("ls");
        command.SetAction((parsed, _) => list.InvokeAsync(parsed));
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed)
    {
        AuthSession session = AuthSession.Open(_context);
        (IReadOnlyList<StoredToken> tokens, string? active, bool damaged) = await session.OnDiskAsync(
            store => Task.FromResult((store.Tokens, store.ActiveName, store.IsDamaged)));
        HubToken? used = session.Tokens.Search.Find(null);
        List<string> warnings = [];
        if (damaged)
            warnings.Add($"'{session.Store.StoredPath}' is neither INI nor JSON; it is left alone.");
        if (used is not null && !tokens.Any(t => t.Name == active && t.Token.Equals(used.Secret)))
            warnings.Add($"The {used} is the one that is used.");
        if (parsed.GetValue(_json))
        {
            _context.Out.WriteLine(JsonOutput.Write(new JsonObject
            {
                ["ok"] = true,
                ["tokens"] = new JsonArray([.. tokens.Select(t => new JsonObject
                {
                    ["name"] = t.Name,
                    ["active"] = t.Name == active,
                    ["fingerprint"] = t.Token.Fingerprint,
                    ["expires_at"] = t.ExpiresAt?.ToString("O", CultureInfo.InvariantCulture),
                    ["renewable"] = t.RefreshToken is not null,
                })]),
                ["active"] = active,
                ["used"] = used?.Source,
                ["stored_tokens"] = session.Store.StoredPath,
                ["warnings"] = AuthSession.Texts(warnings),
            }));
            return 0;
        }
        foreach (StoredToken token in tokens)
        {
            string expires = token.ExpiresAt is { } end ? $", ends {end.ToString("u", CultureInfo.InvariantCulture)}{(token.RefreshToken is null ? "" : " (renewed before)")}" : "";
            _context.Out.WriteLine($"{(token.Name == active ? "*" : " ")} {token.Name}  fingerprint {token.Token.Fingerprint}{expires}");
        }
        if (tokens.Count == 0)
            _context.Out.WriteLine($"No token is stored in {session.Store.StoredPath}.");
        foreach (string warning in warnings)
            _context.Error.WriteLine($"note: {warning}");
        return 0;
    }
}
