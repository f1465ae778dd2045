using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace PipeRoll.EndToEnd.Tests.Support;

/// <summary>A server with TLS and an administrator, and the certificates of its clients.</summary>
public sealed class SecuredServer : IAsyncLifetime
{
    public const string User = "admin";
    public const string Password = "s3cret";

    private readonly TemporaryFolder _folder = new();
    private readonly ECDsa _authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private X509Certificate2? _authority;
    private ServerProcess? _server;

    public string Authority => Path.Combine(_folder.Path, "ca.pem");

    public string Bootstrap => $"localhost:{_server!.KafkaPort}";

    public (string Certificate, string Key) ClientCertificate { get; private set; }

    public async ValueTask InitializeAsync()
    {
        var request = new CertificateRequest("CN=test authority", _authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(10));
        await File.WriteAllTextAsync(Authority, _authority.ExportCertificatePem());
        (string certificate, string key) = Issue("localhost");
        ClientCertificate = Issue("alice");
        _server = await ServerProcess.StartAsync(
            Path.Combine(_folder.Path, "data"),
            "--set", $"security/admin.user={User}", "--set", $"security/admin.password={Password}",
            "--set", $"tls/certificate={certificate}", "--set", $"tls/key={key}", "--set", $"tls/client.ca={Authority}",
            "--set", "tls/client.auth=requested", "--set", "tls/ssl.principal.mapping.rules=RULE:^CN=(.*)$/$1/");
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _authority?.Dispose();
        _authorityKey.Dispose();
        _folder.Dispose();
    }

    public HttpClient Http()
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.Add(_authority!);
        return new HttpClient(handler) { BaseAddress = new Uri($"https://localhost:{_server!.HttpPort}") };
    }

    internal Task<CommandResult> PiperollAsync(string user, string password, string? input, params string[] arguments) => Command.RunAsync(
        Checkout.Cli, arguments, input is null ? null : System.Text.Encoding.UTF8.GetBytes(input), 60, new Dictionary<string, string>
        {
            ["PIPEROLL_BOOTSTRAP"] = Bootstrap,
            ["PIPEROLL_HTTP"] = $"https://localhost:{_server!.HttpPort}",
            ["PIPEROLL_CA"] = Authority,
            ["PIPEROLL_USER"] = user,
            ["PIPEROLL_PASSWORD"] = password,
        });

    private (string Certificate, string Key) Issue(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.Create(
            _authority!, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(5), RandomNumberGenerator.GetBytes(8));
        (string Certificate, string Key) files = (Path.Combine(_folder.Path, name + ".pem"), Path.Combine(_folder.Path, name + ".key"));
        File.WriteAllText(files.Certificate, certificate.ExportCertificatePem());
        File.WriteAllText(files.Key, key.ExportPkcs8PrivateKeyPem());
        return files;
    }
}
