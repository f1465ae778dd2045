using System.Net;
using System.Net.Sockets;

namespace PipeRoll.Broker.Network;

/// <summary>Plain TCP. Takes the port at once; connections wait in the backlog until they are accepted.</summary>
public sealed class SocketListener : IConnectionListener
{
    private const int Backlog = 512;

    private readonly Socket _socket;

    /// <exception cref="SocketException">The address can't be listened on: in use, or not of this machine.</exception>
    public SocketListener(IPAddress address, int port)
    {
        _socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // A restarted broker takes its port back although connections of its predecessor linger: that is how the runtime binds on Unix.
            // Its ReuseAddress means more there (SO_REUSEPORT): two brokers would share the port, each seeing half of the connections.
            _socket.Bind(new IPEndPoint(address, port));
            _socket.Listen(Backlog);
        }
        catch
        {
            _socket.Dispose();
            throw;
        }

        Port = ((IPEndPoint)_socket.LocalEndPoint!).Port;
    }

    public int Port { get; }

    public async ValueTask<IConnection?> AcceptAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return new SocketConnection(await _socket.AcceptAsync(cancellation));
            }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted)
            {
                // The peer gave up before it was accepted.
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException
                || error is SocketException { SocketErrorCode: SocketError.OperationAborted or SocketError.Interrupted })
            {
                return null;
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }
}

internal sealed class SocketConnection : IConnection
{
    private readonly NetworkStream _stream;

    public SocketConnection(Socket socket)
    {
        // Answers leave at once: the broker writes whole frames, Nagle would only add latency.
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        var remote = (IPEndPoint?)socket.RemoteEndPoint;
        RemoteAddress = remote?.Address.ToString() ?? "unknown";
        RemoteEndPoint = remote?.ToString() ?? "unknown";
        _stream = new NetworkStream(socket, ownsSocket: true);
    }

    public Stream Stream => _stream;

    public string RemoteAddress { get; }

    public string RemoteEndPoint { get; }

    public ValueTask DisposeAsync() => _stream.DisposeAsync();
}
