using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using LlmService.Hub;
using LlmService.Hub.Tokens;

namespace LlmService.App.Cli;

/// <summary><c>auth login</c>: checks a token with the Hub, then stores it. It is pasted, read from standard input, or made by a login in the browser.</summary>
internal sealed class AuthLoginCommand
{
    private const int MaxInput = 64 * 1024;

    private readonly ProcessContext _context;
    private readonly Option<string?> _token = new("--token") { Description = "- reads the token from standard input. A token written here is visible to other users of the machine.", HelpName = "-" };
    private readonly Option<bool> _device = new("--device") { Description = "Log in with the browser of any device. The default without a terminal." };
    private readonly Option<string?> _name = AuthCommand.NameOption();
    private readonly Option<bool> _json = AuthCommand.JsonOption();

    private AuthLoginCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        AuthLoginCommand login = new(context);
        Command command = new("login", "Checks a token with the Hub and stores it.") { login._token, login._device, login._name, login._json };
        command.SetAction((parsed, _) => login.InvokeAsync(parsed));
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed)
    {
        AuthSession session = AuthSession.Open(_context);
        if (parsed.GetValue(_name) is { } wanted && !StoredToken.IsName(wanted))
            throw new AppException(FailureCode.InvalidRequest, "--name: a token's name has 1 to 100 characters, no brackets, and is not DEFAULT.") { Parameter = "name" };
        if (session.Tokens.ChosenByProject is { } chosen)
        {
            throw new AppException(FailureCode.InvalidRequest, $"The working directory decides who would get the token ({chosen}), so no login is sent to {session.Endpoint}.")
            {
                Remedy = "Set this in the environment to log in there.",
            };
        }
        session.RefuseOffline();
        using Interrupt interrupt = new();

        // 1. Get it. 2. Ask the Hub whose it is. 3. Only then store it.
        LoginGrant? grant = null;
        Secret? token = await ReadGivenAsync(parsed, interrupt.Token);
        if (token is null)
            token = (grant = await LogInByBrowserAsync(session, interrupt.Token)).Token;
        if (!token.IsUsable)
            throw new AppException(FailureCode.InvalidRequest, "What was given is no token: it has characters that no token has (control, space inside, non-ASCII), or is too long.") { Parameter = "token" };
        HubAccount account = (await session.WhoAmIAsync(new HubToken(token, "this login"), interrupt.Token))!;
        StoredToken stored = new(parsed.GetValue(_name) ?? StoredToken.NameOf(grant is null ? account.TokenName ?? account.Name : $"oauth-{account.Name}"), token)
        {
            RefreshToken = grant?.RefreshToken,
            ExpiresAt = grant?.ExpiresAt ?? account.Expires,
        };
        bool complete = await session.OnDiskAsync(store => store.SaveAsync(stored, interrupt.Token));
        Report(session, stored, account, complete, parsed.GetValue(_json));
        return 0;
    }

    private async Task<Secret?> ReadGivenAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        string? given = parsed.GetValue(_token);
        if (given is not null && parsed.GetValue(_device))
            throw new AppException(FailureCode.InvalidRequest, "--token and --device exclude each other.");
        // The parser takes the next option for the value.
        if (given is { Length: > 1 } && given[0] == '-')
            throw Missing("--token has no value; - reads standard input.");
        if (given == "-")
            return Secret.Read(ReadInput()) ?? throw Missing("Standard input is empty.");
        if (given is not null)
        {
            _context.Error.WriteLine("warning: A token on the command line is visible in the list of processes and in the shell's history. Use --token - instead.");
            return Secret.Read(given) ?? throw Missing("--token is empty.");
        }
        if (parsed.GetValue(_device) || _context.ReadHidden is not { } read)
            return null;
        _context.Error.Write("Paste a token (it is not shown), or press Enter to log in with the browser: ");
        _context.Error.Flush();
        string? line = await Interrupt.AskAsync(read, cancellationToken);
        _context.Error.WriteLine();
        return Secret.Read(line);
    }

    private static AppException Missing(string message) => new(FailureCode.InvalidRequest, message + " A token was expected.") { Parameter = "token" };

    private string ReadInput()
    {
        char[] buffer = new char[MaxInput];
        int length = _context.In.ReadBlock(buffer);
        return length < MaxInput ? new string(buffer, 0, length) : throw Missing("Standard input is longer than any token.");
    }

    private async Task<LoginGrant> LogInByBrowserAsync(AuthSession session, CancellationToken cancellationToken)
    {
        using DeviceLogin login = new(session.Hub with { Token = null, TokenFor = null }, session.Tokens.ClientId);
        DeviceCode code = await login.StartAsync(cancellationToken);
        double minutes = Math.Ceiling((code.Expires - session.Hub.TimeProvider.GetUtcNow()).TotalMinutes);
        _context.Error.WriteLine($"Open {(code.AddressWithCode ?? code.Address).AbsoluteUri}");
        _context.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"and confirm the code {code.UserCode} within {minutes} minutes. Waiting ..."));
        _context.Error.Flush();
        return await login.WaitAsync(code, cancellationToken);
    }

    private void Report(AuthSession session, StoredToken stored, HubAccount account, bool complete, bool json)
    {
        List<string> warnings = [];
        if (!complete)
            warnings.Add($"'{session.Store.StoredPath}' is neither INI nor JSON; it was left alone, so the token has no name there.");
        HubToken? used = session.Tokens.Search.Find(null);
        if (used is not null && !used.Secret.Equals(stored.Token))
            warnings.Add($"The {used} still comes first; this login counts when that one is removed.");
        if (used is null)
            warnings.Add("The token is stored, but a setting keeps it from being sent (HF_HUB_DISABLE_IMPLICIT_TOKEN, LLM_SERVICE_TOKEN_NAME); see llm-service auth status.");
        if (account.Role == "write")
            warnings.Add("The token may write. Reading models needs only the role 'read'.");
        if (json)
        {
            _context.Out.WriteLine(JsonOutput.Write(new JsonObject
            {
                ["ok"] = true,
                ["token"] = stored.Name,
                ["role"] = account.Role,
                ["account"] = AuthSession.Describe(account),
                ["expires_at"] = stored.ExpiresAt?.ToString("O", CultureInfo.InvariantCulture),
                ["token_file"] = session.Store.TokenPath,
                ["stored_tokens"] = complete ? session.Store.StoredPath : null,
                ["warnings"] = AuthSession.Texts(warnings),
            }));
            return;
        }
        _context.Out.WriteLine($"Logged in as '{account.Name}' with the token '{stored.Name}'{(account.Role is { } role ? $" (role {role})" : "")}.");
        _context.Out.WriteLine($"Stored in {session.Store.TokenPath}{(complete ? $" and {session.Store.StoredPath}" : "")}, readable by this user only.");
        foreach (string warning in warnings)
            _context.Error.WriteLine($"warning: {warning}");
    }
}
