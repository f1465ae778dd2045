using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Streams;

/// <summary>A checker that never fails proves nothing: each planted bug must be found by some seed, and for the right reason.</summary>
public sealed class PlantedBugTests
{
    private const int SeedsMax = 200;

    [Theory]
    [InlineData(PlantedBug.SyncLies, "lost|damaged|missing|log ends at|not of the same")]
    [InlineData(PlantedBug.SyncLate, "lost|damaged|missing|log ends at|not of the same")]
    [InlineData(PlantedBug.WriteLost, "lost|damaged|missing|log ends at|not of the same")]
    [InlineData(PlantedBug.CommitSkipped, "lost|nobody dropped|found nothing|where .* is next|refused")]
    [InlineData(PlantedBug.DeletedBeforeCommit, "missing from the store")]
    [InlineData(PlantedBug.OrphanLeft, "orphans")]
    [InlineData(PlantedBug.AcknowledgedOutOfOrder, "but confirmed")]
    [InlineData(PlantedBug.BufferLeaked, "buffers are still held")]
    [InlineData(PlantedBug.TrimForgotten, "starts at|a read of .* was refused")]
    public void Some_seed_finds_the_bug(PlantedBug bug, string reason)
    {
        SimulationFailedException? found = Seeds.FirstFailure(1, SeedsMax, world => StreamsScenario.RunAsync(world, bug));
        Assert.NotNull(found);
        TestContext.Current.TestOutputHelper?.WriteLine($"{bug}: {found.Message.Split('\n')[0]}");
        Assert.Matches(reason, found.Message.Split('\n')[0]);
    }
}
