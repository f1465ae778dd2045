using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary>
/// kill -9 of the real server under load, over and over, with one idempotent producer that lives through it all: nothing
/// acknowledged is lost, nothing is stored twice, offsets have no gap. PIPEROLL_TEST_KILL_CYCLES sets how often (60).
/// </summary>
public sealed class KillLoopTests(ITestOutputHelper output)
{
    private const int Partitions = 4;
    private static readonly int Cycles = int.Parse(Environment.GetEnvironmentVariable("PIPEROLL_TEST_KILL_CYCLES") ?? "60");

    [Fact]
    public async Task NothingAcknowledgedIsLostAndNothingIsDoubled()
    {
        using var folder = new TemporaryFolder();
        var random = new Random(20_261_123);

        // Small segments and uploads, so that the kills also meet recycling, uploads and commits.
        await using ServerProcess server = await ServerProcess.StartAsync(folder.Path, "--set", "storage/upload.bytes=4194304");
        await SequenceLoad.CreateTopicAsync(server.Bootstrap, "kill-loop", Partitions);
        using var load = new SequenceLoad(server.Bootstrap, "kill-loop", Partitions);
        for (int cycle = 0; cycle < Cycles; cycle++)
        {
            int before = load.AcknowledgedCount;
            await load.RunForAsync(TimeSpan.FromMilliseconds(random.Next(30, 400)));
            for (int more = 0; more < 100 && cycle % 3 == 0 && load.AcknowledgedCount == before; more++)
            {
                // A slow machine may need longer than that to start and to take anything: then nothing would be under way at any kill.
                await load.RunForAsync(TimeSpan.FromMilliseconds(50));
            }

            await server.KillAsync();
            await server.StartAgainAsync();
        }

        await load.FinishAsync();
        await load.VerifyAsync(server.Bootstrap);
        output.WriteLine($"{Cycles} kills, {load.Produced} records produced, {load.Acknowledged.Sum(acks => acks.Count)} acknowledged");
        Assert.Equal(0, await server.TerminateAsync());
    }
}
