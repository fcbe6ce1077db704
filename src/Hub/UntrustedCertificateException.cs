using System.Security.Authentication;

namespace LlmService.Hub;

/// <summary>A server's certificate that nobody vouches for, or that is of another name.</summary>
/// <param name="issuer">Who made it; the name of a proxy's own authority, where one inspects the traffic.</param>
internal sealed class UntrustedCertificateException(string issuer) : AuthenticationException($"The certificate issued by '{issuer}' is not trusted.")
{
    public string Issuer { get; } = issuer;
}
