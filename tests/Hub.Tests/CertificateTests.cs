using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace LlmService.Hub;

/// <summary>A TLS listener with a certificate authority of its own, in front of the loopback Hub.</summary>
public sealed class CertificateTests : HubTest
{
    private static readonly DateTimeOffset Begin = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset End = new(2100, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task OpenAsync_OwnAuthority_IsTrustedBesidesThoseOfTheSystem()
    {
        (X509Certificate2 root, X509Certificate2 server) = Issue("localhost");
        await using WebApplication listener = await StartAsync(server);
        string file = Path.Combine(Cache, "authorities.pem");
        await File.WriteAllTextAsync(file, root.ExportCertificatePem(), Cancel);

        using var client = new HubClient(Options(Good) with { Endpoint = Address(listener), CertificateAuthorityFile = file });
        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);

        Assert.Equal(Public, opened.Id.Value);
    }

    [Fact]
    public async Task OpenAsync_UnknownAuthority_IsNotTrusted()
    {
        (_, X509Certificate2 server) = Issue("localhost");
        (X509Certificate2 other, _) = Issue("localhost");
        await using WebApplication listener = await StartAsync(server);
        string file = Path.Combine(Cache, "authorities.pem");
        await File.WriteAllTextAsync(file, other.ExportCertificatePem(), Cancel);
        foreach (string? authorities in new[] { null, file })
        {
            using var client = new HubClient(Options(Good) with { Endpoint = Address(listener), CertificateAuthorityFile = authorities });

            HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

            Assert.Equal(HubDiagnosis.TlsUntrusted, failure.Diagnosis);
            Assert.Contains($"(issued by '{server.Issuer}')", failure.Message, StringComparison.Ordinal);
        }
        Assert.Empty(Server.Hub.Requests);
    }

    [Fact]
    public async Task OpenAsync_OwnAuthorityButAnotherName_IsNotTrusted()
    {
        (X509Certificate2 root, X509Certificate2 server) = Issue("elsewhere.example");
        await using WebApplication listener = await StartAsync(server);
        string file = Path.Combine(Cache, "authorities.pem");
        await File.WriteAllTextAsync(file, root.ExportCertificatePem(), Cancel);
        using var client = new HubClient(Options(Good) with { Endpoint = Address(listener), CertificateAuthorityFile = file });

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.TlsUntrusted, failure.Diagnosis);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("no certificate here")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")]
    public void Validate_FileWithoutCertificate_NamesIt(string? content)
    {
        string file = Path.Combine(Cache, "authorities.pem");
        if (content is not null)
            File.WriteAllText(file, content);

        ArgumentException failure = Assert.Throws<ArgumentException>(() => (Options() with { CertificateAuthorityFile = file }).Validate());

        Assert.Contains(file, failure.Message, StringComparison.Ordinal);
    }

    /// <summary>Hands every call on to the loopback Hub's answer for the repository.</summary>
    private async Task<WebApplication> StartAsync(X509Certificate2 certificate)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(new HttpsConnectionAdapterOptions { ServerCertificate = certificate })));
        WebApplication app = builder.Build();
        var http = new HttpClient();
        app.Run(async context =>
        {
            using HttpResponseMessage answer = await http.GetAsync(Server.Hub.Address + context.Request.Path + context.Request.QueryString);
            context.Response.StatusCode = (int)answer.StatusCode;
            context.Response.ContentType = answer.Content.Headers.ContentType?.ToString();
            await context.Response.WriteAsync(await answer.Content.ReadAsStringAsync());
        });
        await app.StartAsync(Cancel);
        return app;
    }

    private static Uri Address(WebApplication app) => new UriBuilder(app.Urls.Single()) { Host = "localhost" }.Uri;

    private static (X509Certificate2 Root, X509Certificate2 Server) Issue(string name)
    {
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var rootRequest = new CertificateRequest("CN=throw-away authority", rootKey, HashAlgorithmName.SHA256);
        rootRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        X509Certificate2 root = rootRequest.CreateSelfSigned(Begin, End);

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 server = request.Create(root, Begin, End, [1, 2, 3, 4]);
        return (root, X509CertificateLoader.LoadPkcs12(server.CopyWithPrivateKey(key).Export(X509ContentType.Pfx), null));
    }
}
