using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Brokers;

public sealed class BrokerSimulationTests
{
    [Fact]
    public void Clients_of_a_broker_that_crashes_lose_nothing_and_see_nothing_twice() => Seeds.ForEach(150, BrokerScenario.RunAsync);

    [Fact]
    public void The_same_seed_gives_the_same_run()
    {
        for (int seed = 7001; seed <= 7030; seed++)
        {
            SimulationResult first = SimulatedWorld.Run(seed, BrokerScenario.RunAsync);
            Assert.Equal(first, SimulatedWorld.Run(seed, BrokerScenario.RunAsync));
        }
    }
}
