using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Kafka;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Simulation.Brokers;

/// <summary>What goes wrong, or is done by operators, while a cluster works: one thing after the other, drawn from the seed.</summary>
internal sealed class Mishaps(ClusterWorld cluster, IReadOnlyList<ClusterNode> nodes, ClientFleet fleet)
{
    private readonly Random _random = cluster.World.RandomFor("mishaps");
    private readonly SimulatedProcess _driver = cluster.World.Driver;

    public async Task RunAsync()
    {
        List<Task> passing = [];
        for (int count = 0; count < cluster.Plan.Mishaps; count++)
        {
            await PauseAsync(cluster.Plan.MishapEveryMsMax);
            passing.Add(HappenAsync(_random.Next(15)));
        }

        await Task.WhenAll(passing);
    }

    private Task HappenAsync(int kind)
    {
        ClusterNode node = nodes[_random.Next(nodes.Count)];
        cluster.World.Trace.Note("mishap", kind, node.NodeId);
        return kind switch
        {
            0 or 1 => KillAsync(node),
            2 => KillSeveralAsync(),
            3 or 4 => FreezeAsync(node),
            5 => CutFromClientsAsync(node),
            6 => CutAsync(node, ClusterWorld.StoreHost, 8000),
            7 => CutAsync(node, ClusterWorld.DatabaseHost, 8000),
            8 => LoseDatabaseAsync(),
            9 => StormAsync(),
            10 => JumpClockAsync(node),
            11 or 12 => MoveAsync(),
            13 => ChurnAsync(),
            _ => _random.Next(2) == 0 ? DrainAsync(node) : ReplaceMemberAsync(),
        };
    }

    private static Task KillAsync(ClusterNode node)
    {
        node.Life?.Process.Kill("kill -9");
        return Task.CompletedTask;
    }

    private Task KillSeveralAsync()
    {
        int first = _random.Next(nodes.Count);
        for (int index = 0; index < nodes.Count && (index < 2 || _random.Next(3) == 0); index++)
        {
            nodes[(first + index) % nodes.Count].Life?.Process.Kill("kill -9");
        }

        return Task.CompletedTask;
    }

    /// <summary>SIGSTOP and SIGCONT: long enough, as a rule, for the others to take it for dead.</summary>
    private async Task FreezeAsync(ClusterNode node)
    {
        if (node.Life?.Process is { } process)
        {
            process.Pause();
            await PauseAsync(12_000);
            process.Resume();
        }
    }

    private async Task CutFromClientsAsync(ClusterNode node)
    {
        int ways = _random.Next(1, 4);
        string[] hosts = [.. fleet.Hosts.Where(_ => _random.Next(2) == 0)];
        foreach (string host in hosts)
        {
            Cut(node.Host, host, ways);
        }

        await PauseAsync(6000);
        foreach (string host in hosts)
        {
            cluster.Network.Heal(node.Host, host);
            cluster.Network.Heal(host, node.Host);
        }
    }

    private void Cut(string one, string other, int ways)
    {
        if ((ways & 1) != 0)
        {
            cluster.Network.Cut(one, other);
        }

        if ((ways & 2) != 0)
        {
            cluster.Network.Cut(other, one);
        }
    }

    private async Task CutAsync(ClusterNode node, string host, int msMax)
    {
        cluster.Network.Cut(node.Host, host);
        await PauseAsync(msMax);
        cluster.Network.Heal(node.Host, host);
    }

    /// <summary>The database restarts, or fails over.</summary>
    private Task LoseDatabaseAsync()
    {
        int msMax = _random.Next(2) == 0 ? 2000 : 10_000;
        return Task.WhenAll(nodes.Select(node => CutAsync(node, ClusterWorld.DatabaseHost, msMax)).ToArray());
    }

    private Task StormAsync()
    {
        cluster.Bucket.StartStorm(TimeSpan.FromMilliseconds(_random.Next(500, 15_000)));
        return Task.CompletedTask;
    }

    private Task JumpClockAsync(ClusterNode node)
    {
        node.Life?.Process.JumpClock(TimeSpan.FromSeconds(_random.Next(-7200, 7200)));
        return Task.CompletedTask;
    }

    private async Task MoveAsync()
    {
        IReadOnlyList<TopicRecord> topics = await cluster.Database.ListTopicsAsync();
        BrokerEpoch[] alive = [.. (await cluster.Database.ReadBrokersAsync())
            .Where(static broker => broker.State == BrokerState.Alive).Select(static broker => broker.Epoch)];
        StreamId[] streams = [.. topics.SelectMany(static topic => topic.Partitions)];
        if (alive.Length > 0 && streams.Length > 0)
        {
            await cluster.Database.RequestMovesAsync(
                "operator",
                [.. streams.Where(_ => _random.Next(2) == 0).Select(stream => (stream, alive[_random.Next(alive.Length)]))]);
        }
    }

    private static Task DrainAsync(ClusterNode node)
    {
        node.Life?.Stop();
        return Task.CompletedTask;
    }

    private Task ChurnAsync()
    {
        fleet.ChurnTopic(_random);
        return Task.CompletedTask;
    }

    private Task ReplaceMemberAsync()
    {
        fleet.ReplaceMember(_random);
        fleet.ReplaceAssigned(_random);
        fleet.Transactions?.Replace(_random);
        return Task.CompletedTask;
    }

    private Task PauseAsync(int msMax) => _driver.DelayAsync(TimeSpan.FromMilliseconds(_random.Next(1, msMax)));
}
