using System.Collections.Immutable;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>A group of the consumer protocol as its records say, folded one by one.</summary>
internal sealed class LoadedConsumerGroup
{
    /// <summary>Null when the group was deleted, or was never one of this kind.</summary>
    public int? Epoch { get; set; }

    public long MetadataHash { get; set; }

    public int? TargetEpoch { get; set; }

    public SortedDictionary<string, ConsumerGroupMemberMetadataValue> Members { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, ImmutableSortedSet<TopicIdPartition>> Targets { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, ConsumerGroupCurrentMemberAssignmentValue> Assignments { get; } = new(StringComparer.Ordinal);

    public bool IsEmpty => Epoch is null && TargetEpoch is null && Members.Count == 0 && Targets.Count == 0 && Assignments.Count == 0;
}
