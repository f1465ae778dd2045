using PipeRoll.Broker.Cluster;

namespace PipeRoll.Broker.Tests.Cluster;

public sealed class ClusterOptionsTests
{
    [Fact]
    public void DefaultsAreValid() => Assert.Empty(new ClusterOptions().Validate());

    [Fact]
    public void EveryErrorIsNamedAtOnce()
    {
        IReadOnlyList<string> errors = new ClusterOptions
        {
            NodeId = -1, Rack = " ", SessionMs = 1_000, HeartbeatMs = 500, BalanceDeadBand = double.NaN, HandOverBatch = 0, SlowRatio = 1,
        }.Validate();

        Assert.Equal(6, errors.Count);
        Assert.All(
            new[] { "NodeId", "Rack", "HeartbeatMs", "BalanceDeadBand", "HandOverBatch", "SlowRatio" },
            name => Assert.Contains(errors, error => error.StartsWith(name, StringComparison.Ordinal)));
    }
}
