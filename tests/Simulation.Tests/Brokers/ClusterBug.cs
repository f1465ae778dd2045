using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Simulation.Brokers;

/// <summary>Bugs planted on purpose around the real brokers of a cluster, to prove that the checkers find such.</summary>
public enum ClusterBug
{
    None,
}

internal static class ClusterBugs
{
    public static PlantedMetadata Plant(ClusterBug bug, SimulatedWorld world, IMetadataStore inner) => new();

    public static IObjectStore Plant(ClusterBug bug, SimulatedWorld world, IObjectStore inner) => inner;
}
