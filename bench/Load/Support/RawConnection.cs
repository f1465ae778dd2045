using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;

namespace PipeRoll.Load;

/// <summary>
/// A Kafka connection with nothing of a client in it: frames go out as they were prepared, so that on two cores the load costs as
/// little as it can and the server is what is measured.
/// </summary>
internal sealed class RawConnection : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private byte[] _response = new byte[64 * 1024];

    // Null in the clear: what goes through a socket alone costs the load the least.
    private readonly Stream? _stream;

    public RawConnection(int port, BenchLogin? login = null)
    {
        _socket.Connect(IPAddress.Loopback, port);
        if (login is not null)
        {
            _stream = login.Secure(new NetworkStream(_socket));
            login.LogIn(this);
        }
    }

    /// <summary>A request as bytes, length prefix included; its correlation id can be set with <see cref="SetCorrelation"/>.</summary>
    public static byte[] Frame(ApiKey key, short version, IKafkaMessage request)
    {
        using ResponseFrame frame = ResponseFrame.ForRequest(ApiVersionsTable.Get(key), version, correlationId: 0, "bench", request);
        return frame.ToArray();
    }

    public static void SetCorrelation(byte[] frame, int correlationId) => BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(8), correlationId);

    public void Send(ReadOnlySpan<byte> frame)
    {
        if (_stream is not null)
        {
            _stream.Write(frame);
            return;
        }

        while (!frame.IsEmpty)
        {
            frame = frame[_socket.Send(frame)..];
        }
    }

    /// <returns>False when the server has gone.</returns>
    public bool TrySend(ReadOnlySpan<byte> frame)
    {
        try
        {
            Send(frame);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Ends a <see cref="Receive"/> on another thread.</summary>
    public void Abort() => _socket.Close();

    /// <summary>The next response without its length prefix, valid until the next call.</summary>
    public ReadOnlyMemory<byte> Receive()
    {
        Span<byte> prefix = stackalloc byte[4];
        ReceiveExactly(prefix);
        int length = BinaryPrimitives.ReadInt32BigEndian(prefix);
        if (_response.Length < length)
        {
            _response = new byte[length * 2];
        }

        ReceiveExactly(_response.AsSpan(0, length));
        return _response.AsMemory(0, length);
    }

    public void Dispose()
    {
        _stream?.Dispose();
        _socket.Dispose();
    }

    private void ReceiveExactly(Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int read = _stream is null ? _socket.Receive(bytes) : _stream.Read(bytes);
            if (read == 0)
            {
                throw new EndOfStreamException("the server closed the connection");
            }

            bytes = bytes[read..];
        }
    }
}
