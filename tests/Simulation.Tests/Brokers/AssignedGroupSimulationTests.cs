using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Brokers;

/// <summary>
/// Groups of the consumer protocol under faults: no partition with two members, epochs that never go back, commits that stay.
/// </summary>
public sealed class AssignedGroupSimulationTests
{
    [Fact]
    public void Assignments_of_one_broker_hold_whatever_befalls_it() => Seeds.ForEach(60, static world => BrokerScenario.RunAsync(
        world, BrokerBug.None, plan => plan with { Fleet = plan.Fleet with { AssignedMembers = Draw(world) } }));

    [Fact]
    public void Assignments_of_a_cluster_hold_whatever_befalls_its_brokers() => Seeds.ForEach(60, static world => ClusterScenario.RunAsync(
        world, ClusterBug.None, plan => plan with { Fleet = plan.Fleet with { AssignedMembers = Draw(world) } }));

    private static int Draw(SimulatedWorld world) => world.RandomFor("assigned members").Next(1, 4);
}
