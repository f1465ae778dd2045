using System.Text.Json;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary><c>piperoll demo --cluster</c>: starts bucket, database and brokers by itself, and kills a broker in the middle.</summary>
public sealed class DemoOnClusterTests(ITestOutputHelper output)
{
    [Fact]
    public async Task NothingIsLostWhenABrokerIsKilledInTheMiddle()
    {
        const long events = 20_000;

        JsonElement summary = await Piperoll.DemoAsync("--cluster", "3", "--events", $"{events}");

        output.WriteLine(summary.GetProperty("cluster").ToString());
        Assert.Equal(events, summary.GetProperty("captured").GetInt64());
        Assert.Equal(events, summary.GetProperty("decided").GetInt64());
        Assert.Equal(0, summary.GetProperty("lost").GetInt64());
        Assert.Equal(0, summary.GetProperty("duplicated").GetInt64());
        Assert.Equal(events, summary.GetProperty("replay").GetProperty("equal").GetInt64());
        Assert.Equal(1, summary.GetProperty("restarts").GetInt32());
        JsonElement cluster = summary.GetProperty("cluster");
        Assert.Equal(3, cluster.GetProperty("brokers").GetInt32());
        Assert.InRange(cluster.GetProperty("killed").GetInt32(), 1, 3);
        Assert.InRange(cluster.GetProperty("partitionsLed").GetInt32(), 1, int.MaxValue);
        Assert.InRange(cluster.GetProperty("failoverMs").GetDouble(), 1, double.MaxValue);
    }
}
