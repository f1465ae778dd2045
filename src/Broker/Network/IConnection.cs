namespace PipeRoll.Broker.Network;

/// <summary>
/// One accepted connection: the seam behind which a plain socket, TLS, or a simulated network stands.
/// </summary>
/// <remarks>One reader and one writer at a time. Disposing it, from any thread, makes both fail.</remarks>
public interface IConnection : IAsyncDisposable
{
    Stream Stream { get; }

    /// <summary>IP address of the peer, without port.</summary>
    string RemoteAddress { get; }

    /// <summary>For logs: address and port.</summary>
    string RemoteEndPoint { get; }

    /// <summary>Who the peer is by its certificate, such as <c>User:CN=alice</c>; null without one. Valid after <see cref="OpenAsync"/>.</summary>
    string? CertificatePrincipal => null;

    /// <summary>Makes <see cref="Stream"/> ready: agrees on encryption, where there is any. Called once, before anything is read.</summary>
    /// <exception cref="IOException">The peer left, or is not what it should be; the message says what it did.</exception>
    ValueTask OpenAsync(CancellationToken cancellation) => ValueTask.CompletedTask;
}

/// <summary>Where connections come from.</summary>
public interface IConnectionListener : IAsyncDisposable
{
    /// <summary>The port clients connect to.</summary>
    int Port { get; }

    /// <returns>The next connection; null when the listener was closed.</returns>
    ValueTask<IConnection?> AcceptAsync(CancellationToken cancellation);
}
