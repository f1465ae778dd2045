using PipeRoll.Broker.Network;
using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Network;

public sealed class NetworkTests
{
    private const int Port = 9092;

    [Fact]
    public void Bytes_arrive_whole_and_in_order_whatever_their_pieces() => Seeds.ForEach(100, static async world =>
    {
        Random random = world.RandomFor("test");
        var network = new SimulatedNetwork(world, new NetworkFaults { Fragments = true, Slow = 0.1, WindowBytes = 300 });
        (SocketStream client, Stream server) = await ConnectAsync(world, network);
        byte[] sent = new byte[5000];
        random.NextBytes(sent);
        Task writing = world.Driver.Run(async () =>
        {
            for (int at = 0; at < sent.Length;)
            {
                int count = Math.Min(random.Next(1, 400), sent.Length - at);
                await client.WriteAsync(sent.AsMemory(at, count));
                at += count;
            }

            await client.DisposeAsync();
        });
        using var received = new MemoryStream();
        byte[] buffer = new byte[700];
        while (await server.ReadAsync(buffer) is var read and > 0)
        {
            received.Write(buffer, 0, read);
        }

        await writing;
        Assert.Equal(sent, received.ToArray());
    });

    [Fact]
    public void A_cut_link_holds_bytes_back_and_a_healed_one_brings_them() => SimulatedWorld.Run(1, static async world =>
    {
        var network = new SimulatedNetwork(world, NetworkFaults.None);
        (SocketStream client, Stream server) = await ConnectAsync(world, network);
        network.Cut("client", "server");
        await client.WriteAsync(new byte[3]);
        ValueTask<int> read = server.ReadAsync(new byte[10]);
        await Task.Delay(TimeSpan.FromMinutes(1), world.Driver.Time);
        Assert.False(read.IsCompleted);
        await server.WriteAsync(new byte[2]); // the other way is open
        Assert.Equal(2, await client.ReadAsync(new byte[10]));
        network.Heal("client", "server");
        Assert.Equal(3, await read);
    });

    [Fact]
    public void The_peers_of_a_killed_process_see_a_reset_and_those_of_a_dead_machine_nothing() => Seeds.ForEach(20, static async world =>
    {
        bool silent = world.Seed % 2 == 0;
        var network = new SimulatedNetwork(world, new NetworkFaults { SilentDeath = silent ? 1 : 0 });
        (SocketStream client, _) = await ConnectAsync(world, network, out SimulatedProcess victim);
        ValueTask<int> read = client.ReadAsync(new byte[10]);
        victim.Kill("test");
        await Task.Delay(TimeSpan.FromSeconds(30), world.Driver.Time);
        Assert.Equal(!silent, read.IsCompleted);
        await Assert.ThrowsAsync<IOException>(async () => await read);
        await Assert.ThrowsAsync<IOException>(() => network.ConnectAsync(world.Driver, "client", "server", Port));
    });

    private static Task<(SocketStream Client, Stream Server)> ConnectAsync(SimulatedWorld world, SimulatedNetwork network) =>
        ConnectAsync(world, network, out _);

    private static Task<(SocketStream Client, Stream Server)> ConnectAsync(
        SimulatedWorld world, SimulatedNetwork network, out SimulatedProcess serverProcess)
    {
        SimulatedProcess process = serverProcess = world.StartProcess("server");
        IConnectionListener listener = network.Listen(process, "server", Port);
        return ConnectToAsync(world, network, listener);
    }

    private static async Task<(SocketStream Client, Stream Server)> ConnectToAsync(
        SimulatedWorld world, SimulatedNetwork network, IConnectionListener listener)
    {
        SocketStream client = await network.ConnectAsync(world.Driver, "client", "server", Port);
        IConnection? accepted = await listener.AcceptAsync(CancellationToken.None);
        return (client, accepted!.Stream);
    }
}
