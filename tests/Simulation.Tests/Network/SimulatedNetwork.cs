using PipeRoll.Broker.Cluster.Members;
using PipeRoll.Broker.Network;
using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Network;

/// <summary>
/// Hosts, ports and connections between processes, as TCP shows them: bytes arrive in order, late, in pieces, or not at
/// all; a peer that is cut off or whose machine has died says nothing.
/// </summary>
/// <remarks>
/// Owner: the scenario; outlives all processes. Connections die with their process. A link is cut one way or both: what is
/// sent over a cut link waits, as TCP sends it again, until the link heals.
/// </remarks>
public sealed class SimulatedNetwork(SimulatedWorld world, NetworkFaults faults)
{
    private readonly Random _random = world.RandomFor("network");
    private readonly Dictionary<(string Host, int Port), SimulatedListener> _listeners = [];
    private readonly HashSet<(string From, string To)> _cuts = [];
    private readonly List<NetworkPipe> _pipes = [];

    /// <summary>May be changed during the run.</summary>
    public NetworkFaults Faults { get; set; } = faults;

    public int Connections => _pipes.Count / 2;

    internal SimulatedWorld World => world;

    internal Random Random => _random;

    /// <summary>Takes a port for a process, until it closes the listener or dies.</summary>
    public IConnectionListener Listen(SimulatedProcess process, string host, int port)
    {
        if (_listeners.ContainsKey((host, port)))
        {
            throw new IOException($"simulated: {host}:{port} is in use");
        }

        var listener = new SimulatedListener(port, listener => Close(host, port, listener));
        _listeners[(host, port)] = listener;
        process.OnKill(() => Close(host, port, listener));
        listener.Process = process;
        return listener;
    }

    /// <exception cref="IOException">Nobody listens there, or nobody answers.</exception>
    public async Task<SocketStream> ConnectAsync(SimulatedProcess process, string from, string host, int port) =>
        await TryConnectAsync(process, from, host, port)
        ?? throw new IOException($"simulated: {host}:{port} refuses connections, or does not answer");

    /// <summary>The same for those who try often: null instead of an exception, which takes longer than all the rest.</summary>
    public async Task<SocketStream?> TryConnectAsync(SimulatedProcess process, string from, string host, int port)
    {
        await process.DelayAsync(Latency());
        if (IsCut(from, host) || IsCut(host, from))
        {
            await process.DelayAsync(TimeSpan.FromMilliseconds(Faults.ConnectTimeoutMs));
            return null;
        }

        if (!_listeners.TryGetValue((host, port), out SimulatedListener? listener))
        {
            return null;
        }

        var there = new NetworkPipe(this, from, host);
        var back = new NetworkPipe(this, host, from);
        _pipes.Add(there);
        _pipes.Add(back);
        var client = new SocketStream(this, process, back, there, host);
        var server = new SocketStream(this, listener.Process!, there, back, from);
        world.Trace.Note("net.connect", process.Number, listener.Process!.Number);
        listener.Offer(server);
        return client;
    }

    /// <summary>Whether somebody listens there, as far as can be told from here.</summary>
    public async ValueTask<Knock> KnockAsync(SimulatedProcess process, string from, string host, int port)
    {
        await process.DelayAsync(Latency());
        return IsCut(from, host) || IsCut(host, from) ? Knock.Unknown : _listeners.ContainsKey((host, port)) ? Knock.Answered : Knock.Refused;
    }

    /// <summary>From now on nothing gets from the one host to the other.</summary>
    public void Cut(string from, string to)
    {
        world.Trace.Note("net.cut");
        world.Trace.Say($"  {from} -> {to}");
        _cuts.Add((from, to));
    }

    /// <summary>What waited arrives after all.</summary>
    public void Heal(string from, string to)
    {
        if (_cuts.Remove((from, to)))
        {
            world.Trace.Note("net.heal");
            foreach (NetworkPipe pipe in _pipes.ToArray())
            {
                pipe.LinkHealed();
            }
        }
    }

    public void HealAll()
    {
        foreach ((string from, string to) in _cuts.ToArray())
        {
            Heal(from, to);
        }
    }

    public bool IsCut(string from, string to) => _cuts.Contains((from, to));

    internal bool IsUp(string host) => _listeners.Keys.Any(address => address.Host == host);

    internal TimeSpan Latency() => _random.NextDouble() < Faults.Slow
        ? TimeSpan.FromMilliseconds(_random.Next(Faults.SlowMsMax))
        : TimeSpan.FromMicroseconds(_random.Next(Faults.LatencyMicrosecondsMax));

    internal void Forget(NetworkPipe pipe) => _pipes.Remove(pipe);

    private void Close(string host, int port, SimulatedListener listener)
    {
        if (_listeners.GetValueOrDefault((host, port)) == listener)
        {
            _listeners.Remove((host, port));
        }

        listener.Closed();
    }
}
