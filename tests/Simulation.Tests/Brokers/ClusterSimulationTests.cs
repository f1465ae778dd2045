using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Brokers;

public sealed class ClusterSimulationTests
{
    [Fact]
    public void Clients_of_a_cluster_lose_nothing_whatever_befalls_its_brokers() => Seeds.ForEach(200, ClusterScenario.RunAsync);

    [Fact]
    public void The_same_seed_gives_the_same_run()
    {
        for (int seed = 9001; seed <= 9015; seed++)
        {
            SimulationResult first = SimulatedWorld.Run(seed, ClusterScenario.RunAsync);
            Assert.Equal(first, SimulatedWorld.Run(seed, ClusterScenario.RunAsync));
        }
    }
}
