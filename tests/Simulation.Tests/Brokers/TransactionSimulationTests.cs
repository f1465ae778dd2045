using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Kafka;

namespace PipeRoll.Simulation.Brokers;

/// <summary>Transactions under faults: none lost, doubled, torn or seen though aborted, and committed offsets never go back.</summary>
public sealed class TransactionSimulationTests
{
    [Fact]
    public void Transactions_of_one_broker_hold_whatever_befalls_it() => Seeds.ForEach(
        60, static world => BrokerScenario.RunAsync(
            world, BrokerBug.None, plan => plan with { Fleet = plan.Fleet with { Transactions = Draw(world) } }));

    [Fact]
    public void Transactions_of_a_cluster_hold_whatever_befalls_its_brokers() => Seeds.ForEach(
        60, static world => ClusterScenario.RunAsync(
            world, ClusterBug.None, plan => plan with { Fleet = plan.Fleet with { Transactions = Draw(world) } }));

    [Fact]
    public void The_same_seed_gives_the_same_run()
    {
        static Task Scenario(SimulatedWorld world) => ClusterScenario.RunAsync(
            world, ClusterBug.None, plan => plan with { Fleet = plan.Fleet with { Transactions = Draw(world) } });

        for (int seed = 7001; seed <= 7005; seed++)
        {
            Assert.Equal(SimulatedWorld.Run(seed, Scenario), SimulatedWorld.Run(seed, Scenario));
        }
    }

    [Theory]
    [InlineData(BrokerBug.ProducersForgotten, "aborted|torn|beyond the end|not ended")]
    [InlineData(BrokerBug.MarkerLost, "not ended|the committed offset|lost: transaction")]
    [InlineData(BrokerBug.MarkerTurned, "aborted|lost: transaction|torn|the committed offset")]
    public void Some_seed_finds_the_bug_of_a_broker(BrokerBug bug, string reason)
    {
        SimulationFailedException? found = Seeds.FirstFailure(1, 100, world => BrokerScenario.RunAsync(
            world, bug, plan => plan with { Fleet = plan.Fleet with { Producers = 0, Members = 0, Transactions = Draw(world) } }));
        Assert.NotNull(found);
        TestContext.Current.TestOutputHelper?.WriteLine($"{bug}: {found.Message.Split('\n')[0]}");
        Assert.Matches(reason, found.Message.Split('\n')[0]);
    }

    internal static TransactionPlan Draw(SimulatedWorld world)
    {
        Random random = world.RandomFor("transaction plan");
        return new TransactionPlan(
            Producers: random.Next(1, 4),
            Partitions: random.Next(1, 4),
            Transactions: random.Next(4, 15),
            TimeoutMs: random.Next(4) == 0 ? 3_000 : 30_000,
            PauseMsMax: random.Next(3) == 0 ? 1 : 800);
    }
}
