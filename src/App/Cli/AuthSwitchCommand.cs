using System.CommandLine;
using System.Text.Json.Nodes;
using LlmService.Hub;
using LlmService.Hub.Tokens;

namespace LlmService.App.Cli;

/// <summary><c>auth switch NAME</c>: makes another stored token the active one.</summary>
internal sealed class AuthSwitchCommand
{
    private readonly ProcessContext _context;
    private readonly Argument<string?> _argument = new("NAME") { Description = "The name of a stored token.", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string?> _name = AuthCommand.NameOption();
    private readonly Option<bool> _json = AuthCommand.JsonOption();

    private AuthSwitchCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        AuthSwitchCommand change = new(context);
        Command command = new("switch", "Makes another stored token the active one.") { change._argument, change._name, change._json };
        command.SetAction((parsed, cancellationToken) => change.InvokeAsync(parsed, cancellationToken));
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        AuthSession session = AuthSession.Open(_context);
        IReadOnlyList<StoredToken> tokens = await session.OnDiskAsync(store => Task.FromResult(store.Tokens));
        string name = parsed.GetValue(_name) ?? parsed.GetValue(_argument) ?? throw new AppException(FailureCode.InvalidRequest, tokens.Count == 0
            ? "Name the token to use. None is stored; log in with llm-service auth login."
            : $"Name the token to use: {string.Join(", ", tokens.Select(t => t.Name))}.")
        { Parameter = "name" };
        if (!await session.OnDiskAsync(store => store.SwitchAsync(name, cancellationToken)))
            throw AuthSession.NoSuchName(name, tokens);
        HubToken? used = session.Tokens.Search.Find(null);
        string? warning = used is null || used.Secret.Equals(tokens.First(t => t.Name == name).Token) ? null : $"The {used} still comes first.";
        if (parsed.GetValue(_json))
        {
            _context.Out.WriteLine(JsonOutput.Write(new JsonObject
            {
                ["ok"] = true,
                ["token"] = name,
                ["token_file"] = session.Store.TokenPath,
                ["warnings"] = AuthSession.Texts(warning is null ? [] : [warning]),
            }));
            return 0;
        }
        _context.Out.WriteLine($"'{name}' is now the active token.");
        if (warning is not null)
            _context.Error.WriteLine($"warning: {warning}");
        return 0;
    }
}
