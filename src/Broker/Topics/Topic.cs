using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Partitions;

namespace PipeRoll.Broker.Topics;

/// <summary>One version of a topic; a change makes a new one that shares the partitions. Immutable.</summary>
/// <param name="Configs">Only what was set on the topic itself.</param>
internal sealed record Topic(
    Guid Id,
    string Name,
    bool IsInternal,
    IReadOnlyDictionary<string, string> Configs,
    TopicSettings Settings,
    IReadOnlyList<Partition> Partitions)
{
    public Partition? Partition(int index) => (uint)index < (uint)Partitions.Count ? Partitions[index] : null;
}
