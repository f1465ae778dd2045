using Confluent.Kafka;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary>
/// kill -9 of the real server under load, over and over, with one idempotent producer that lives through it all: nothing
/// acknowledged is lost, nothing is stored twice, offsets have no gap. PIPEROLL_TEST_KILL_CYCLES sets how often (200).
/// </summary>
public sealed class KillLoopTests(ITestOutputHelper output)
{
    private const int Partitions = 4;
    private static readonly int Cycles = int.Parse(Environment.GetEnvironmentVariable("PIPEROLL_TEST_KILL_CYCLES") ?? "200");

    [Fact]
    public async Task NothingAcknowledgedIsLostAndNothingIsDoubled()
    {
        using var folder = new TemporaryFolder();
        var random = new Random(20_261_123);

        // Small segments and uploads, so that the kills also meet recycling, uploads and commits.
        await using ServerProcess server = await ServerProcess.StartAsync(folder.Path, "--set", "storage/upload.bytes=4194304");
        await CreateTopicAsync(server.Bootstrap);
        using var load = new SequenceLoad(server.Bootstrap, "kill-loop", Partitions);
        for (int cycle = 0; cycle < Cycles; cycle++)
        {
            await load.RunForAsync(TimeSpan.FromMilliseconds(random.Next(30, 400)));
            await server.KillAsync();
            await server.StartAgainAsync();
        }

        await load.FinishAsync();
        await VerifyAsync(server.Bootstrap, load);
        output.WriteLine($"{Cycles} kills, {load.Produced} records produced, {load.Acknowledged.Sum(acks => acks.Count)} acknowledged");
        Assert.Equal(0, await server.TerminateAsync());
    }

    private static async Task CreateTopicAsync(string bootstrap)
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        await admin.CreateTopicsAsync([new() { Name = "kill-loop", NumPartitions = Partitions, ReplicationFactor = 1 }]);
    }

    private static async Task VerifyAsync(string bootstrap, SequenceLoad load)
    {
        for (int partition = 0; partition < Partitions; partition++)
        {
            IReadOnlyList<long> stored = await SequenceLoad.ReadAllAsync(bootstrap, "kill-loop", partition);
            for (int i = 1; i < stored.Count; i++)
            {
                Assert.True(stored[i] > stored[i - 1], $"partition {partition}: value {stored[i]} at offset {i} after value {stored[i - 1]}: doubled or out of order");
            }

            foreach ((long offset, long value) in load.Acknowledged[partition])
            {
                Assert.True(offset < stored.Count, $"partition {partition}: offset {offset} was acknowledged, the log ends at {stored.Count}");
                Assert.Equal(value, stored[(int)offset]);
            }

            Assert.NotEmpty(load.Acknowledged[partition]);
        }

        Assert.Equal(0, load.Failed);
    }
}
