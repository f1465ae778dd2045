using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using PipeRoll.Broker.Network;

namespace PipeRoll.Server.Tls;

/// <summary>
/// Connections to other brokers of the cluster with TLS. Their certificates must name the host that they advertise, and come from an authority
/// of <see cref="TlsSettings.ClientCa"/>, or of the system where there is none; this broker shows its own.
/// </summary>
internal static class TlsPeers
{
    /// <exception cref="IOException">The other one can't be reached, or is not who it should be.</exception>
    public static async ValueTask<IConnection> ConnectAsync(ServerCertificates certificates, string host, int port, CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        NetworkStream? network = null;
        try
        {
            await socket.ConnectAsync(host, port, cancellation);
            network = new NetworkStream(socket, ownsSocket: true);
            var tls = new SslStream(network, leaveInnerStreamOpen: false);
            await tls.AuthenticateAsClientAsync(Options(certificates.Current, host), cancellation);
            return new PeerConnection(tls, host, port);
        }
        catch (AuthenticationException refused)
        {
            await DisposeAsync(socket, network);
            throw new IOException($"{host}:{port} is not who it should be: {refused.InnerException?.Message ?? refused.Message}", refused);
        }
        catch
        {
            await DisposeAsync(socket, network);
            throw;
        }
    }

    private static SslClientAuthenticationOptions Options(CertificateSet own, string host) => new()
    {
        TargetHost = host,
        ClientCertificateContext = own.Context,
        CertificateChainPolicy = Trust(own),
    };

    /// <summary>Whom brokers believe; null for whom the system does.</summary>
    public static X509ChainPolicy? Trust(CertificateSet own)
    {
        if (own.Authorities.Count == 0)
        {
            return null;
        }

        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(own.Authorities);
        return policy;
    }

    private static async ValueTask DisposeAsync(Socket socket, NetworkStream? network)
    {
        if (network is not null)
        {
            await network.DisposeAsync();
        }

        socket.Dispose();
    }

    private sealed class PeerConnection(SslStream stream, string host, int port) : IConnection
    {
        public Stream Stream => stream;

        public string RemoteAddress => host;

        public string RemoteEndPoint => $"{host}:{port}";

        public ValueTask DisposeAsync() => stream.DisposeAsync();
    }
}
