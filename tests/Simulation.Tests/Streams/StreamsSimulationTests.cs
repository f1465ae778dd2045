using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Streams;

public sealed class StreamsSimulationTests
{
    [Fact]
    public void Acknowledged_batches_survive_crashes_and_nothing_is_orphaned() => Seeds.ForEach(300, StreamsScenario.RunAsync);

    [Fact]
    public void The_same_seed_gives_the_same_run()
    {
        for (int seed = 5001; seed <= 5050; seed++)
        {
            SimulationResult first = SimulatedWorld.Run(seed, StreamsScenario.RunAsync);
            Assert.Equal(first, SimulatedWorld.Run(seed, StreamsScenario.RunAsync));
        }
    }
}
