using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using PipeRoll.Broker.Network;
using PipeRoll.Server.Tls;

namespace PipeRoll.Server.Tests.Tls;

public sealed class TlsListenerTests : IDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("piperoll-tls").FullName;

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_client_with_a_certificate_is_who_it_says()
    {
        await using TlsListener listener = Listen(Settings() with
        {
            ClientCa = _authority.WriteAuthority(_folder),
            ClientAuth = ClientCertificates.Required,
            PrincipalMappingRules = "RULE:^CN=(.*?)$/$1/",
        });
        (string certificate, string key) = _authority.Write(_folder, "alice", "CN=alice");
        using X509Certificate2 alice = X509Certificate2.CreateFromPemFile(certificate, key);

        (IConnection server, SslStream client) = await ConnectAsync(listener, alice);

        Assert.Equal("User:alice", server.CertificatePrincipal);
        await client.WriteAsync(new byte[] { 1, 2, 3 });
        byte[] read = new byte[3];
        await server.Stream.ReadExactlyAsync(read);
        Assert.Equal([1, 2, 3], read);
        await client.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task A_client_without_the_certificate_that_is_required_is_refused()
    {
        await using TlsListener listener = Listen(Settings() with
        {
            ClientCa = _authority.WriteAuthority(_folder),
            ClientAuth = ClientCertificates.Required,
        });

        await Assert.ThrowsAnyAsync<IOException>(() => ConnectAsync(listener, null));
    }

    [Fact]
    public async Task A_certificate_of_another_authority_is_refused()
    {
        using var other = new TestAuthority();
        await using TlsListener listener = Listen(Settings() with
        {
            ClientCa = _authority.WriteAuthority(_folder),
            ClientAuth = ClientCertificates.Requested,
        });
        (string certificate, string key) = other.Write(_folder, "eve", "CN=alice");
        using X509Certificate2 eve = X509Certificate2.CreateFromPemFile(certificate, key);

        await Assert.ThrowsAnyAsync<IOException>(() => ConnectAsync(listener, eve));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_without_TLS_is_taken_where_that_is_allowed(bool isAllowed)
    {
        await using TlsListener listener = Listen(Settings() with { AllowPlaintext = isAllowed });
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, listener.Port);
        await client.GetStream().WriteAsync(new byte[] { 0, 0, 0, 9 });
        await using IConnection server = (await listener.AcceptAsync(CancellationToken.None))!;

        if (!isAllowed)
        {
            IOException refused = await Assert.ThrowsAsync<IOException>(() => server.OpenAsync(CancellationToken.None).AsTask());
            Assert.Contains("without TLS on a port with TLS", refused.Message, StringComparison.Ordinal);
            return;
        }

        await server.OpenAsync(CancellationToken.None);
        byte[] read = new byte[4];
        await server.Stream.ReadExactlyAsync(read);
        Assert.Equal([0, 0, 0, 9], read);
    }

    [Fact]
    public void A_changed_certificate_is_taken_and_a_broken_one_is_not()
    {
        TlsSettings settings = Settings() with { ReloadInterval = TimeSpan.Zero };
        var certificates = new ServerCertificates(settings, TimeProvider.System);
        string first = certificates.Current.Certificate.Thumbprint;

        _authority.Write(_folder, "localhost", "CN=localhost");
        File.SetLastWriteTimeUtc(settings.Certificate, DateTime.UtcNow.AddSeconds(1));
        string second = certificates.Current.Certificate.Thumbprint;
        File.WriteAllText(settings.Certificate, "no certificate");
        string third = certificates.Current.Certificate.Thumbprint;

        Assert.NotEqual(first, second);
        Assert.Equal(second, third);
    }

    [Fact]
    public void Settings_that_do_not_go_together_are_named()
    {
        Assert.Empty(new TlsSettings().Validate());
        Assert.NotEmpty(new TlsSettings { Key = "x" }.Validate());
        Assert.Contains(Settings() with { ClientAuth = ClientCertificates.Required } is var lacking ? lacking.Validate() : [], problem =>
            problem.StartsWith("ClientCa is missing", StringComparison.Ordinal));
        Assert.Contains((Settings() with { Certificate = "/nowhere.pem" }).Validate(), problem =>
            problem.StartsWith("Certificate names the file /nowhere.pem", StringComparison.Ordinal));
        Assert.Contains((Settings() with { PrincipalMappingRules = "RULE:x" }).Validate(), problem =>
            problem.StartsWith("PrincipalMappingRules can't be understood", StringComparison.Ordinal));
    }

    private TlsSettings Settings()
    {
        (string certificate, string key) = _authority.Write(_folder, "localhost", "CN=localhost");
        return new TlsSettings { Certificate = certificate, Key = key };
    }

    private static TlsListener Listen(TlsSettings settings) =>
        new(new SocketListener(IPAddress.Loopback, 0), new ServerCertificates(settings, TimeProvider.System), TimeProvider.System);

    /// <summary>Both sides of the handshake; the server's failure is the one that counts.</summary>
    private async Task<(IConnection Server, SslStream Client)> ConnectAsync(TlsListener listener, X509Certificate2? certificate)
    {
        var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, listener.Port);
        var client = new SslStream(tcp.GetStream());
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            ClientCertificates = certificate is null ? null : [certificate],
            CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            },
        };
        options.CertificateChainPolicy.CustomTrustStore.Add(_authority.Certificate);
        IConnection server = (await listener.AcceptAsync(CancellationToken.None))!;
        Task opening = server.OpenAsync(CancellationToken.None).AsTask();
        try
        {
            await client.AuthenticateAsClientAsync(options);
        }
        catch (Exception refused) when (refused is AuthenticationException or IOException)
        {
            // The server says why.
        }

        await opening;
        return (server, client);
    }
}
