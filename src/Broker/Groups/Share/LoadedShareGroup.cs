using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Groups.Share;

/// <summary>A share group as its records say, folded one by one.</summary>
internal sealed class LoadedShareGroup
{
    /// <summary>Null when the group was deleted, or was never one of this kind.</summary>
    public int? Epoch { get; set; }

    public long MetadataHash { get; set; }

    public SortedDictionary<string, ShareGroupMemberMetadataValue> Members { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, ShareGroupCurrentMemberAssignmentValue> Assignments { get; } = new(StringComparer.Ordinal);

    public bool IsEmpty => Epoch is null && Members.Count == 0 && Assignments.Count == 0;
}
