using PipeRoll.EndToEnd.Tests.Cluster.Support;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary>
/// kill -9 of random brokers at random times, over and over, with one idempotent producer that lives through it all.
/// PIPEROLL_TEST_CLUSTER_KILLS sets how often (15), PIPEROLL_TEST_SEED which.
/// </summary>
public sealed class ClusterKillLoopTests(ClusterBackends backends, ITestOutputHelper output)
{
    private const int Partitions = 6;
    private const int PerPause = 20;
    private static readonly int Kills = int.Parse(Environment.GetEnvironmentVariable("PIPEROLL_TEST_CLUSTER_KILLS") ?? "15");
    private static readonly int Seed = int.Parse(Environment.GetEnvironmentVariable("PIPEROLL_TEST_SEED") ?? "20261125");

    [Fact]
    public async Task NothingAcknowledgedIsLostAndNothingIsDoubled()
    {
        var random = new Random(Seed);
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "kill-loop", Partitions);
        using var load = new SequenceLoad(cluster.Bootstrap, "kill-loop", Partitions, PerPause);
        for (int kill = 0; kill < Kills; kill++)
        {
            await load.RunForAsync(TimeSpan.FromMilliseconds(random.Next(50, 1_000)));
            ServerProcess victim = cluster.Brokers[random.Next(cluster.Brokers.Count)];
            await victim.KillAsync();

            // Sometimes it is back before anybody has missed it, sometimes the others have taken over, and sometimes another goes meanwhile.
            int awayMs = random.Next(4) switch { 0 => 0, 1 => 4_500, _ => random.Next(800) };
            Task away = load.RunForAsync(TimeSpan.FromMilliseconds(awayMs));
            if (random.Next(4) == 0)
            {
                await cluster.Brokers[random.Next(cluster.Brokers.Count)].KillAsync();
            }

            await away;
            await cluster.RestartEndedAsync();
        }

        await cluster.WhenSettledAsync();
        await load.FinishAsync();
        await load.VerifyAsync(cluster.Bootstrap);
        await cluster.AuditAsync();
        output.WriteLine($"seed {Seed}, {Kills} kills and more: {load.Produced} records produced, {load.AcknowledgedCount} acknowledged");
    }
}
