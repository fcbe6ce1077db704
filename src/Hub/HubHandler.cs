using System.Net;
using System.Net.Security;

namespace LlmService.Hub;

/// <summary>The default transport.</summary>
internal static class HubHandler
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    // No automatic redirects: .NET drops Authorization on every one, also on the same origin, and keeps all other headers.
    // No decompression: the length and the bytes must be those of the file.
    public static SocketsHttpHandler Create(HubOptions options)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = ConnectTimeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            Proxy = new LoopbackBypass(options.Proxy ?? HttpClient.DefaultProxy),
        };
        CertificateAuthorities? authorities = options.CertificateAuthorityFile is { } file ? CertificateAuthorities.Read(file) : null;
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
            errors == SslPolicyErrors.None || authorities?.Trusts(certificate, chain, errors) == true
                ? true : throw new UntrustedCertificateException(certificate?.Issuer ?? "nobody");
        return handler;
    }

    private sealed class LoopbackBypass(IWebProxy inner) : IWebProxy
    {
        public ICredentials? Credentials { get => inner.Credentials; set => inner.Credentials = value; }

        public Uri? GetProxy(Uri destination) => inner.GetProxy(destination);

        public bool IsBypassed(Uri host) => host.IsLoopback || inner.IsBypassed(host);
    }
}
