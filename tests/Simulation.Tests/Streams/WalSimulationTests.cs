using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Streams;

public sealed class WalSimulationTests
{
    [Fact]
    public void The_log_replays_what_it_acknowledged() => Seeds.ForEach(500, WalScenario.RunAsync);
}
