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
}

/// <summary>Where connections come from.</summary>
public interface IConnectionListener : IAsyncDisposable
{
    /// <summary>The port clients connect to.</summary>
    int Port { get; }

    /// <returns>The next connection; null when the listener was closed.</returns>
    ValueTask<IConnection?> AcceptAsync(CancellationToken cancellation);
}
