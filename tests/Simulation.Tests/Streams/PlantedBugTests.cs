using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Streams;

/// <summary>A checker that never fails proves nothing: each planted bug must be found by some seed.</summary>
public sealed class PlantedBugTests
{
    [Theory]
    [InlineData(PlantedBug.SyncLies)]
    [InlineData(PlantedBug.SyncLate)]
    [InlineData(PlantedBug.WriteLost)]
    [InlineData(PlantedBug.CommitSkipped)]
    [InlineData(PlantedBug.DeletedBeforeCommit)]
    [InlineData(PlantedBug.OrphanLeft)]
    [InlineData(PlantedBug.AcknowledgedOutOfOrder)]
    [InlineData(PlantedBug.BufferLeaked)]
    [InlineData(PlantedBug.TrimForgotten)]
    public void Some_seed_finds_the_bug(PlantedBug bug)
    {
        SimulationFailedException? found = Seeds.FirstFailure(1, 200, world => StreamsScenario.RunAsync(world, bug));
        Assert.NotNull(found);
    }
}
