using System.Net;
using System.Net.Sockets;
using PipeRoll.Broker.Network;

namespace PipeRoll.Broker.Tests.Network;

public sealed class SocketListenerTests
{
    [Fact]
    public async Task APortThatIsListenedOnIsRefusedToASecondListener()
    {
        await using var first = new SocketListener(IPAddress.Loopback, 0);

        SocketException refused = Assert.Throws<SocketException>(() => new SocketListener(IPAddress.Loopback, first.Port));

        Assert.Equal(SocketError.AddressAlreadyInUse, refused.SocketErrorCode);
    }

    [Fact]
    public async Task APortIsTakenBackWhileConnectionsOfThePredecessorLinger()
    {
        int port;
        await using (var first = new SocketListener(IPAddress.Loopback, 0))
        {
            port = first.Port;
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, port, TestContext.Current.CancellationToken);
            await using IConnection? served = await first.AcceptAsync(TestContext.Current.CancellationToken);
            Assert.NotNull(served);
            // The side that closes first keeps the connection for minutes (TIME_WAIT).
            await served.DisposeAsync();
            Assert.Equal(0, await client.GetStream().ReadAsync(new byte[1], TestContext.Current.CancellationToken));
        }

        await using var second = new SocketListener(IPAddress.Loopback, port);
        Assert.Equal(port, second.Port);
    }
}
