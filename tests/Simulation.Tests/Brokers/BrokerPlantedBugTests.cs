using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Brokers;

/// <summary>A checker that never fails proves nothing: each planted bug must be found by some seed, and for the right reason.</summary>
public sealed class BrokerPlantedBugTests
{
    private const string Commits = "nothing is committed|said to be committed";
    private const string Lost = "lost|but .* was known|where .* was before|nothing was ever seen|the high watermark|not dense|OutOfOrder|acknowledged before|OffsetOutOfRange";

    [Theory]
    [InlineData(BrokerBug.AcknowledgedEarly, Lost)]
    [InlineData(BrokerBug.AcknowledgedOutOfOrder, Lost)]
    [InlineData(BrokerBug.ProducersForgotten, "doubled|reordered")]
    [InlineData(BrokerBug.GroupsForgotten, "nothing is committed|was stable before|is led by|is said to be committed")]
    [InlineData(BrokerBug.BatchSkipped, "not dense")]
    public void Some_seed_finds_the_bug_of_a_broker(BrokerBug bug, string reason) =>
        Find(200, world => BrokerScenario.RunAsync(world, bug), $"{bug}", reason);

    [Theory]
    [InlineData(ClusterBug.FenceSkipped, $"not settled|{Lost}|{Commits}|both write under|wrote \\[")] // a broker may notice that its records are missing
    [InlineData(ClusterBug.RecoverySkipped, $"not settled|{Lost}|both write under|wrote \\[|{Commits}")]
    [InlineData(ClusterBug.LogAcknowledgedEarly, $"not settled|{Lost}|{Commits}|wrote \\[")]
    [InlineData(ClusterBug.AcknowledgedOutOfOrder, Lost)]
    [InlineData(ClusterBug.SealedTooEarly, "was sealed at")] // the broker itself notices, and ends
    [InlineData(ClusterBug.DeletedBeforeCommit, "missing|not settled")]
    [InlineData(ClusterBug.OrphanLeft, "orphans")]
    public void Some_seed_finds_the_bug_of_a_cluster(ClusterBug bug, string reason) => Find(
        300, world => ClusterScenario.RunAsync(world, bug, plan => bug == ClusterBug.OrphanLeft ? plan with { Audits = true } : plan),
        $"{bug}", reason);

    private static void Find(int seedsMax, Func<SimulatedWorld, Task> scenario, string bug, string reason)
    {
        SimulationFailedException? found = Seeds.FirstFailure(1, seedsMax, scenario);
        Assert.NotNull(found);
        TestContext.Current.TestOutputHelper?.WriteLine($"{bug}: {found.Message.Split('\n')[0]}");
        Assert.Matches(reason, found.Message.Split('\n')[0]);
    }
}
