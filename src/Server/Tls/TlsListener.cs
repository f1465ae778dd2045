using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using PipeRoll.Broker.Network;

namespace PipeRoll.Server.Tls;

/// <summary>
/// Connections with TLS on the port of another listener. A client's first byte tells what it speaks: clients without TLS are taken too where
/// that is allowed, and else told apart from those that speak no Kafka at all.
/// </summary>
internal sealed class TlsListener(IConnectionListener inner, ServerCertificates certificates, TimeProvider time) : IConnectionListener
{
    public int Port => inner.Port;

    public async ValueTask<IConnection?> AcceptAsync(CancellationToken cancellation) =>
        await inner.AcceptAsync(cancellation) is { } connection ? new TlsConnection(connection, certificates, time) : null;

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}

/// <summary>One client, whose encryption is agreed on before its first request is read.</summary>
internal sealed class TlsConnection(IConnection inner, ServerCertificates certificates, TimeProvider time) : IConnection
{
    private const byte TlsHandshake = 0x16;

    private volatile Stream? _stream;

    public Stream Stream => _stream ?? throw new InvalidOperationException("the connection is not open yet");

    public string RemoteAddress => inner.RemoteAddress;

    public string RemoteEndPoint => inner.RemoteEndPoint;

    public string? CertificatePrincipal { get; private set; }

    public async ValueTask OpenAsync(CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(certificates.Settings.HandshakeTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        try
        {
            byte[] first = new byte[1];
            if (await inner.Stream.ReadAsync(first, either.Token) == 0)
            {
                throw new IOException("nothing, and left");
            }

            var whole = new PrefixedStream(first, inner.Stream);
            if (first[0] == TlsHandshake)
            {
                await AgreeAsync(whole, either.Token);
            }
            else if (certificates.Settings.AllowPlaintext)
            {
                _stream = whole;
            }
            else
            {
                throw new IOException("something without TLS on a port with TLS: set the client's security.protocol to SSL or SASL_SSL");
            }
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw new IOException("nothing that agrees on TLS in time");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_stream is { } stream)
        {
            await stream.DisposeAsync();
        }

        await inner.DisposeAsync();
    }

    private async ValueTask AgreeAsync(Stream whole, CancellationToken cancellation)
    {
        var tls = new SslStream(whole, leaveInnerStreamOpen: false);
        try
        {
            await tls.AuthenticateAsServerAsync(certificates.Options(), cancellation);
        }
        catch (AuthenticationException refused)
        {
            await tls.DisposeAsync();
            throw new IOException($"a TLS handshake that failed: {refused.InnerException?.Message ?? refused.Message}", refused);
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }

        if (tls.RemoteCertificate is X509Certificate2 certificate)
        {
            CertificatePrincipal = certificates.Mapping.PrincipalOf(certificate.SubjectName);
        }

        _stream = tls;
    }
}
