using System.Net.Sockets;

namespace PipeRoll.Broker.Cluster.Members;

/// <summary>What came of an attempt to connect to where a broker should listen.</summary>
public enum Knock
{
    /// <summary>Somebody listens.</summary>
    Answered,

    /// <summary>The machine is there, and says that nobody listens: the process has ended.</summary>
    Refused,

    /// <summary>No answer, or none that tells: the process may be well, and the network not.</summary>
    Unknown,
}

/// <summary>Knocks over TCP.</summary>
public static class SocketKnock
{
    public static async ValueTask<Knock> AtAsync(string host, int port, CancellationToken cancellation)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(host, port, cancellation);
            return Knock.Answered;
        }
        catch (SocketException error)
        {
            return error.SocketErrorCode == SocketError.ConnectionRefused ? Knock.Refused : Knock.Unknown;
        }
    }
}
