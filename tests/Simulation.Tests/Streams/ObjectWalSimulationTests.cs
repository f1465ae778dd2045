using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Streams;

public sealed class ObjectWalSimulationTests
{
    private const int SeedsMax = 300;

    [Fact]
    public void Whatever_a_life_acknowledges_is_recovered_once_and_in_order() => Seeds.ForEach(300, ObjectWalScenario.RunAsync);

    [Fact]
    public void The_same_seed_gives_the_same_run()
    {
        for (int seed = 7001; seed <= 7020; seed++)
        {
            SimulationResult first = SimulatedWorld.Run(seed, ObjectWalScenario.RunAsync);
            Assert.Equal(first, SimulatedWorld.Run(seed, ObjectWalScenario.RunAsync));
        }
    }

    [Theory]
    [InlineData(ObjectWalBug.FenceSkipped, "lost")]
    [InlineData(ObjectWalBug.FencePutPlainly, "lost")]
    [InlineData(ObjectWalBug.AcknowledgedOutOfOrder, "lost")]
    [InlineData(ObjectWalBug.ExistsTakenForSuccess, "lost|goes on writing")]
    [InlineData(ObjectWalBug.RecoveredFromLowestListed, "lost|goes on writing")]
    [InlineData(ObjectWalBug.DeletedBeforeTrimRecorded, "lost|goes on writing")]
    public void Some_seed_finds_the_bug(ObjectWalBug bug, string reason)
    {
        SimulationFailedException? found = Seeds.FirstFailure(1, SeedsMax, world => ObjectWalScenario.RunAsync(world, bug));
        Assert.NotNull(found);
        TestContext.Current.TestOutputHelper?.WriteLine($"{bug}: {found.Message.Split('\n')[0]}");
        Assert.Matches(reason, found.Message.Split('\n')[0]);
    }
}
