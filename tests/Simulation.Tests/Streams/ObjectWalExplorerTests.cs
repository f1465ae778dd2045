using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Streams;

/// <summary>No seeds: every order in which requests of a tiny log can take effect.</summary>
public sealed class ObjectWalExplorerTests
{
    [Theory]
    [InlineData(3, 1, 0, false)]
    [InlineData(2, 1, 1, false)]
    [InlineData(2, 1, 0, true)]
    [InlineData(1, 1, 1, true)]
    [InlineData(1, 1, 2, false)]
    [InlineData(1, 2, 0, false)]
    [InlineData(2, 1, 1, true)]
    public void In_every_order_what_was_acknowledged_is_recovered(int objects, int recoverers, int faults, bool trims)
    {
        var plan = new ExplorerPlan(objects, recoverers, faults, trims);
        TestContext.Current.TestOutputHelper?.WriteLine($"{plan}: {ObjectWalExplorer.Explore(plan)} orders");
    }

    [Theory]
    [InlineData(ObjectWalBug.FenceSkipped, "lost|came to an end", 2, 0, false)]
    [InlineData(ObjectWalBug.FencePutPlainly, "lost", 2, 0, false)]
    [InlineData(ObjectWalBug.AcknowledgedOutOfOrder, "lost|confirmed after", 2, 0, false)]
    [InlineData(ObjectWalBug.ExistsTakenForSuccess, "lost", 2, 0, false)]
    [InlineData(ObjectWalBug.RecoveredFromLowestListed, "lost|doubled", 2, 0, true)]
    [InlineData(ObjectWalBug.DeletedBeforeTrimRecorded, "lost|missing", 2, 0, true)]
    public void Some_order_finds_the_bug(ObjectWalBug bug, string reason, int objects, int faults, bool trims)
    {
        var found = Assert.Throws<SimulationFailedException>(
            () => ObjectWalExplorer.Explore(new ExplorerPlan(objects, 1, faults, trims), bug));
        TestContext.Current.TestOutputHelper?.WriteLine($"{bug}: {found.Message.Split('\n')[0]}");
        Assert.Matches(reason, found.Message.Split('\n')[0]);
    }
}
