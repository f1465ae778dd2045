using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Image;

/// <param name="Before">The placement that was known; the owner is none when there was none.</param>
internal readonly record struct PlacementChange(PartitionPlacement Before, PartitionPlacement After);

/// <summary>What differs between two images, in a fixed order.</summary>
/// <param name="Topics">Topics that were made or changed, by name.</param>
/// <param name="Removed">Topics that are gone (also when one of the same name is there anew), by name.</param>
/// <param name="Placements">Of streams that the newer image has, by stream.</param>
internal sealed record ImageChanges(
    IReadOnlyList<TopicRecord> Topics, IReadOnlyList<TopicRecord> Removed, IReadOnlyList<PlacementChange> Placements, bool Brokers)
{
    /// <summary>What is set beside topics.</summary>
    public bool Configs { get; init; }

    public static ImageChanges Between(ClusterImage before, ClusterImage after) => new(
        ReferenceEquals(before.Topics, after.Topics) ? [] : ChangedTopics(before, after),
        ReferenceEquals(before.Topics, after.Topics) ? [] : RemovedTopics(before, after),
        ReferenceEquals(before.Partitions, after.Partitions) ? [] : ChangedPlacements(before, after),
        !ReferenceEquals(before.Brokers, after.Brokers))
    {
        Configs = !ReferenceEquals(before.Configs, after.Configs),
    };

    private static List<TopicRecord> ChangedTopics(ClusterImage before, ClusterImage after) =>
    [
        .. after.Topics.Values
            .Where(topic => !before.Topics.TryGetValue(topic.Name, out TopicRecord? known) || !ReferenceEquals(known, topic))
            .OrderBy(topic => topic.Name, StringComparer.Ordinal),
    ];

    private static List<TopicRecord> RemovedTopics(ClusterImage before, ClusterImage after) =>
    [
        .. before.Topics.Values
            .Where(topic => !after.Topics.TryGetValue(topic.Name, out TopicRecord? now) || now.Id != topic.Id)
            .OrderBy(topic => topic.Name, StringComparer.Ordinal),
    ];

    private static List<PlacementChange> ChangedPlacements(ClusterImage before, ClusterImage after)
    {
        var changes = new List<PlacementChange>();
        foreach (PartitionEntry entry in after.Partitions.Values)
        {
            PartitionPlacement known = before.Partitions.TryGetValue(entry.Placement.Stream, out PartitionEntry old) ? old.Placement : default;
            if (known != entry.Placement)
            {
                changes.Add(new PlacementChange(known, entry.Placement));
            }
        }

        changes.Sort((left, right) => left.After.Stream.Value.CompareTo(right.After.Stream.Value));
        return changes;
    }
}
