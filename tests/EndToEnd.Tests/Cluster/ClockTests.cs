using PipeRoll.EndToEnd.Tests.Cluster.Support;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary>
/// The wall clock of one broker's machine jumps an hour ahead, and an hour back: leases go by the database's clock, so nothing happens.
/// </summary>
public sealed class ClockTests(ClusterBackends backends, ITestOutputHelper output)
{
    private const int Partitions = 6;
    private const int PerPause = 20;

    [Fact]
    public async Task AClockThatJumpsAnHourKillsNobody()
    {
        using var folder = new TemporaryFolder();
        string clock = Path.Combine(folder.Path, "clock");
        await File.WriteAllTextAsync(clock, "+0\n");
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends, places: [Faked(clock)]);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "clock", Partitions);
        using var load = new SequenceLoad(cluster.Bootstrap, "clock", Partitions, PerPause);
        await load.RunForAsync(TimeSpan.FromSeconds(2));
        foreach (int seconds in new[] { 3600, -3600, 0 })
        {
            string time = seconds.ToString("+0;-0;+0");
            await File.WriteAllTextAsync(clock, time + "\n");
            int[] before = [.. load.Acknowledged.Select(acks => acks.Count)];
            await load.RunForAsync(TimeSpan.FromSeconds(4));
            int[] after = [.. load.Acknowledged.Select(acks => acks.Count)];
            double off = (await cluster.ClockAsync(cluster.Broker(1)) - DateTimeOffset.UtcNow).TotalSeconds;
            Assert.InRange(off, seconds - 10, seconds + 10);
            output.WriteLine($"clock {time} s: {after.Sum() - before.Sum()} records acknowledged");
            Assert.All(before.Zip(after), counts => Assert.True(counts.Second > counts.First, $"a partition stands still at {time} s"));
            Assert.All(cluster.Brokers, broker => Assert.False(broker.HasExited));
        }

        await cluster.WhenSettledAsync();
        await load.FinishAsync();
        await load.VerifyAsync(cluster.Bootstrap);
        await cluster.AuditAsync();
    }

    // The monotonic clock is left alone, as a real jump leaves it, and so are the waits that go by it: "mended", they end too early.
    private static ServerPlace Faked(string clock)
    {
        string? library = Directory.EnumerateFiles("/usr/lib", "libfaketimeMT.so.1", SearchOption.AllDirectories).FirstOrDefault();
        Assert.True(library is not null, "this test needs libfaketime: install the package faketime");
        return ServerPlace.Here with
        {
            Environment = new Dictionary<string, string>
            {
                ["LD_PRELOAD"] = library,
                ["FAKETIME_TIMESTAMP_FILE"] = clock,
                ["FAKETIME_CACHE_DURATION"] = "1",
                ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1",
                ["FAKETIME_FORCE_MONOTONIC_FIX"] = "0",
            },
        };
    }
}
