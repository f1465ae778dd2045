using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Network;

namespace PipeRoll.Simulation.Kafka;

/// <summary>Where a client lives: a process on a host, and the brokers it is told of at first.</summary>
internal sealed record ClientHost(
    SimulatedWorld World, SimulatedNetwork Network, SimulatedProcess Process, string Name, IReadOnlyList<(string Host, int Port)> Bootstrap)
{
    private static readonly TimeSpan Backoff = TimeSpan.FromMilliseconds(100);

    public Random Random { get; } = World.RandomFor($"client {Name}");

    /// <summary>Where it stands: it reads from a broker of its rack, if the leader names one (KIP-392). Every second client says nothing.</summary>
    public string Rack { get; } = World.RandomFor($"client {Name} rack").Next(8) is var rack and >= 1 and <= 4 ? $"rack {rack}" : "";

    public TimeProvider Time => Process.Time;

    /// <summary>Newer clients believe no leader that is older than what they have read (KIP-320); older ones do.</summary>
    public bool KnowsEpochs { get; } = World.RandomFor($"client {Name} epochs").Next(2) == 0;

    /// <summary>What a client does between two tries: waits a little, not always equally long.</summary>
    public Task BackOffAsync() => Process.DelayAsync(Backoff * (0.5 + Random.NextDouble()));
}
