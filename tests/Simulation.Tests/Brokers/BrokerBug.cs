using PipeRoll.Simulation.Engine;
using PipeRoll.Streams;

namespace PipeRoll.Simulation.Brokers;

/// <summary>Bugs planted on purpose below the real broker, to prove that what clients check finds such.</summary>
public enum BrokerBug
{
    None,
}

internal static class BrokerBugs
{
    public static IStreamStorage Plant(BrokerBug bug, IStreamStorage inner, SimulatedWorld world) => inner;
}
