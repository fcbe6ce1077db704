using System.Globalization;
using System.Net;

namespace LlmService.Hub;

/// <summary>The proxy of the usual variables, read as other Hub clients read them: <c>NO_PROXY</c> knows <c>*</c>, domains with and
/// without a leading dot, ports, and address ranges such as <c>10.0.0.0/8</c>. .NET's own reading knows none but the dotted ones.</summary>
public sealed class HubProxy : IWebProxy
{
    private readonly Uri? _http;
    private readonly Uri? _https;
    private readonly string[] _exceptions;
    private readonly HubProxyCredentials? _credentials;

    /// <summary>Makes a proxy of the values of the variables; null or empty for a variable that is not set.</summary>
    /// <param name="http"><c>HTTP_PROXY</c>.</param>
    /// <param name="https"><c>HTTPS_PROXY</c>.</param>
    /// <param name="all"><c>ALL_PROXY</c>, for the scheme without a variable of its own.</param>
    /// <param name="except"><c>NO_PROXY</c>.</param>
    /// <exception cref="ArgumentException">A value is not the address of a proxy. The message does not quote it: it may hold a password.</exception>
    public HubProxy(string? http, string? https, string? all, string? except)
    {
        Uri? rest = Parse(all, "ALL_PROXY");
        _http = Parse(http, "HTTP_PROXY") ?? rest;
        _https = Parse(https, "HTTPS_PROXY") ?? rest;
        _exceptions = (except ?? "").Split([',', ' '], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        _credentials = HubProxyCredentials.Of(_http, _https);
    }

    /// <inheritdoc/>
    public ICredentials? Credentials { get => _credentials; set => throw new NotSupportedException("The credentials are part of the proxy's address."); }

    /// <inheritdoc/>
    public Uri? GetProxy(Uri destination) => IsBypassed(destination) ? null : For(destination);

    /// <inheritdoc/>
    public bool IsBypassed(Uri host)
    {
        ArgumentNullException.ThrowIfNull(host);
        return For(host) is null || _exceptions.Any(exception => Covers(exception, host));
    }

    private Uri? For(Uri destination) => destination.Scheme == Uri.UriSchemeHttps ? _https : _http;

    private static bool Covers(string exception, Uri uri)
    {
        if (exception == "*")
            return true;
        string host = uri.IdnHost.Trim('[', ']');
        if (IPNetwork.TryParse(exception, out IPNetwork network))
            return IPAddress.TryParse(host, out IPAddress? address) && network.Contains(address);
        int colon = exception.LastIndexOf(':');
        bool hasPort = colon > 0 && exception.IndexOf(':', StringComparison.Ordinal) == colon;
        if (hasPort && exception[(colon + 1)..] != uri.Port.ToString(CultureInfo.InvariantCulture))
            return false;
        string domain = (hasPort ? exception[..colon] : exception).Trim('[', ']').TrimStart('*').TrimStart('.');
        return domain.Length > 0
            && (host.Equals(domain, StringComparison.OrdinalIgnoreCase) || host.EndsWith("." + domain, StringComparison.OrdinalIgnoreCase));
    }

    private static Uri? Parse(string? value, string variable)
    {
        if (string.IsNullOrWhiteSpace(value))
            return null;
        string address = value.Contains("://", StringComparison.Ordinal) ? value.Trim() : "http://" + value.Trim();
        if (Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" or "socks4" or "socks4a" or "socks5")
            return uri;
        throw new ArgumentException($"{variable} is not the address of a proxy. It should look like http://proxy.example:8080.");
    }

    /// <summary>The names and passwords that stand in the addresses.</summary>
    private sealed class HubProxyCredentials(Dictionary<string, NetworkCredential> byHost) : ICredentials
    {
        public static HubProxyCredentials? Of(params Uri?[] proxies)
        {
            var byHost = new Dictionary<string, NetworkCredential>(StringComparer.OrdinalIgnoreCase);
            foreach (Uri? proxy in proxies)
            {
                if (proxy is not { UserInfo.Length: > 0 })
                    continue;
                string[] parts = proxy.UserInfo.Split(':', 2);
                byHost[proxy.Authority] = new NetworkCredential(Uri.UnescapeDataString(parts[0]), parts.Length == 2 ? Uri.UnescapeDataString(parts[1]) : "");
            }
            return byHost.Count == 0 ? null : new HubProxyCredentials(byHost);
        }

        public NetworkCredential? GetCredential(Uri uri, string authType) => byHost.GetValueOrDefault(uri.Authority);
    }
}
