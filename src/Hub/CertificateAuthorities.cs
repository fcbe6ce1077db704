using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace LlmService.Hub;

/// <summary>Certificate authorities that are trusted besides those of the system.</summary>
internal sealed class CertificateAuthorities(X509Certificate2Collection roots)
{
    private const long MaxFileBytes = 4 * 1024 * 1024;

    /// <summary>Reads a PEM file.</summary>
    /// <exception cref="ArgumentException">There is no such file, or no certificate in it.</exception>
    public static CertificateAuthorities Read(string path)
    {
        var roots = new X509Certificate2Collection();
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: <= MaxFileBytes })
                roots.ImportFromPemFile(path);
        }
        catch (Exception failure) when (failure is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new ArgumentException($"The file of certificate authorities '{path}' cannot be read: {failure.Message}", nameof(path), failure);
        }
        if (roots.Count == 0)
            throw new ArgumentException($"The file of certificate authorities '{path}' does not exist or has no certificate in PEM form.", nameof(path));
        return new CertificateAuthorities(roots);
    }

    /// <summary>Judges a server's certificate that the system does not trust: a chain that ends in one of these roots is good.</summary>
    public bool Trusts(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        // A wrong name or no certificate at all is never a matter of roots.
        if (errors != SslPolicyErrors.RemoteCertificateChainErrors || certificate is null)
            return false;
        using var own = new X509Chain();
        own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        own.ChainPolicy.CustomTrustStore.AddRange(roots);
        own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        if (chain is not null)
            own.ChainPolicy.ExtraStore.AddRange(chain.ChainElements.Select(element => element.Certificate).ToArray());
        using var server = new X509Certificate2(certificate);
        return own.Build(server);
    }
}
