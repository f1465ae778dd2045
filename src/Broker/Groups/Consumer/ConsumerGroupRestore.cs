using System.Collections.Immutable;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>A group as it was stored: what a coordinator that takes it over goes on with.</summary>
internal sealed partial class ConsumerGroupState
{
    /// <summary>Takes over what was stored; the sessions of the members start now. To be called first, once.</summary>
    public void Restore(LoadedConsumerGroup stored, long nowMs)
    {
        int highest = stored.Assignments.Values.Select(static assignment => assignment.MemberEpoch).DefaultIfEmpty(0).Max();
        Epoch = Math.Max(Math.Max(stored.Epoch ?? 0, stored.TargetEpoch ?? 0), highest);
        TargetEpoch = Math.Max(stored.TargetEpoch ?? 0, highest);
        _metadataHash = stored.MetadataHash;
        foreach ((string id, ConsumerGroupMemberMetadataValue value) in stored.Members)
        {
            ConsumerMember member = MemberOf(id, value);
            member.Target = stored.Targets.GetValueOrDefault(id, []);
            if (stored.Assignments.TryGetValue(id, out ConsumerGroupCurrentMemberAssignmentValue? current))
            {
                TakeOver(member, current);
            }

            Add(member);
            int sessionMs = member.Classic?.SessionTimeoutMs ?? _options.ConsumerSessionTimeoutMs;
            member.SessionDeadlineMs = nowMs + Math.Max(sessionMs, 1);
            member.RebalanceDeadlineMs = member.State == MemberState.UnrevokedPartitions
                ? nowMs + Math.Max(member.RebalanceTimeoutMs, 1)
                : ConsumerMember.Never;
        }

        Assignor = PreferredAssignor().Name;

        // Topics may have changed while nobody coordinated the group: the next heartbeat moves the epoch on.
        long hash = _subscriptions.Look(_members.Values);
        _subscriptionsChanged = _members.Count > 0 && hash != stored.MetadataHash;
    }

    private static ConsumerMember MemberOf(string id, ConsumerGroupMemberMetadataValue value) => new(id)
    {
        InstanceId = value.InstanceId,
        RackId = value.RackId,
        ClientId = value.ClientId,
        ClientHost = value.ClientHost,
        TopicNames = value.SubscribedTopicNames.ToImmutableSortedSet(StringComparer.Ordinal),
        TopicRegex = string.IsNullOrEmpty(value.SubscribedTopicRegex) ? null : value.SubscribedTopicRegex,
        RebalanceTimeoutMs = value.RebalanceTimeoutMs,
        ServerAssignor = value.ServerAssignor,
        Classic = value.ClassicMember is not { } classic ? null : new ClassicMembership(
            classic.SessionTimeoutMs,
            [.. classic.SupportedProtocols.Select(static protocol => new GroupProtocol(protocol.Name, protocol.Metadata.ToArray()))]),
    };

    /// <remarks>A partition that two records give away, as after a write that was torn in two, stays with the member that was read first.</remarks>
    private void TakeOver(ConsumerMember member, ConsumerGroupCurrentMemberAssignmentValue current)
    {
        member.Epoch = current.MemberEpoch;
        member.PreviousEpoch = current.PreviousMemberEpoch;
        member.State = Enum.IsDefined((MemberState)current.State) ? (MemberState)current.State : MemberState.UnreleasedPartitions;
        foreach (ConsumerGroupCurrentMemberAssignmentValue.CurrentTopicPartitions topic in current.AssignedPartitions)
        {
            for (int index = 0; index < topic.Partitions.Count; index++)
            {
                TopicIdPartition partition = new(topic.TopicId, topic.Partitions[index]);
                if (_owners.IsFreeFor(partition, member.Id))
                {
                    int since = index < topic.AssignmentEpochs?.Count ? topic.AssignmentEpochs[index] : member.Epoch;
                    member.Assigned = member.Assigned.SetItem(partition, since);
                }
            }
        }

        member.PendingRevocation =
        [
            .. current.PartitionsPendingRevocation
                .SelectMany(static topic => topic.Partitions, static (topic, index) => new TopicIdPartition(topic.TopicId, index))
                .Where(partition => _owners.IsFreeFor(partition, member.Id)),
        ];
    }
}
