using System.CommandLine;
using System.Net;

namespace LlmService.App.Cli;

/// <summary><c>health</c>: asks the service of this machine whether it lives, for containers that have no other program to ask with.</summary>
internal sealed class HealthCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    private readonly ProcessContext _context;
    private readonly Option<string?> _host = new("--host") { Description = "The address that the service listens on (default 127.0.0.1).", HelpName = "ADDRESS" };
    private readonly Option<string?> _port = new("--port") { Description = "The port that the service listens on (default 3001).", HelpName = "N" };
    private readonly Option<bool> _ready = new("--ready") { Description = "Ask whether the models are loaded, not only whether the process lives." };

    private HealthCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        HealthCommand health = new(context);
        Command command = new("health", "Asks a running service whether it lives; the exit code is 0 if so.") { health._host, health._port, health._ready };
        command.SetAction(health.InvokeAsync);
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        AppOptions options = AppOptions.Read(_context, new CommandLineValues { Host = parsed.GetValue(_host), Port = parsed.GetValue(_port) });
        Uri address = new UriBuilder("http", Reachable(options.Host), options.Port, parsed.GetValue(_ready) ? "ready" : "health").Uri;
        // A proxy of the environment is for the Hub, not for this machine.
        using SocketsHttpHandler handler = new() { UseProxy = false, AllowAutoRedirect = false };
        using HttpClient client = new(handler) { Timeout = Patience };
        try
        {
            using HttpResponseMessage answer = await client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            _context.Out.WriteLine($"{address}: {(int)answer.StatusCode}");
            return answer.StatusCode == HttpStatusCode.OK ? 0 : 1;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            _context.Error.WriteLine($"{address}: no answer within {Patience.TotalSeconds:0} s.");
            return 1;
        }
    }

    // A service that listens on every address is asked on the loopback.
    private static string Reachable(string host) => host switch
    {
        "*" or "+" or "0.0.0.0" => "127.0.0.1",
        "::" => "[::1]",
        _ when IPAddress.TryParse(host, out IPAddress? address) && address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 => $"[{address}]",
        _ => host,
    };
}
