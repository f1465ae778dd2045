using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Brokers;

public sealed class ClusterSimulationTests
{
    [Fact]
    public void Clients_of_a_cluster_lose_nothing_whatever_befalls_its_brokers() => Seeds.ForEach(200, ClusterScenario.RunAsync);

    [Fact]
    public void Some_readers_are_served_by_brokers_of_their_racks()
    {
        long read = 0;
        Seeds.ForEach(25, world => ClusterScenario.RunAsync(world, ClusterBug.None, look: fleet => read += fleet.ReadNearby), fallbackFrom: 7001);
        Assert.InRange(read, 100, long.MaxValue);
    }

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
