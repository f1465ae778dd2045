using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>What a SyncGroup request does to a group: followers wait, the leader's assignment is stored, then all are answered.</summary>
/// <remarks>Owner: <see cref="GroupState"/>.</remarks>
internal sealed class SyncPhase(
    MemberTable members, Rebalance rebalance, StoredGenerations stored, GroupEffects effects, GroupOptions options)
{
    public void Sync(SyncCall call, long ticket, long nowMs)
    {
        KafkaError error = Check(call);
        if (error != KafkaError.None)
        {
            effects.Answer(ticket, new SyncResult(error));
            return;
        }

        Member member = members.Find(call.MemberId)!;
        switch (rebalance.Phase)
        {
            case GroupPhase.PreparingRebalance:
                effects.Answer(ticket, new SyncResult(KafkaError.RebalanceInProgress));
                break;
            case GroupPhase.CompletingRebalance:
                members.AwaitSync(member, ticket);
                rebalance.SyncArrived(member);
                if (members.IsLeader(member.Id) && !stored.IsAssigning(rebalance.Generation))
                {
                    Assign(call, nowMs);
                }

                break;
            case GroupPhase.Stable:
                rebalance.SyncArrived(member);
                effects.Answer(
                    ticket,
                    new SyncResult(KafkaError.None, members.ProtocolType, rebalance.ProtocolName) { Assignment = member.Assignment });
                member.RestartSession(nowMs);
                break;
            default:
                effects.Answer(ticket, new SyncResult(KafkaError.UnknownMemberId));
                break;
        }
    }

    private KafkaError Check(SyncCall call)
    {
        if (rebalance.Phase == GroupPhase.Dead)
        {
            return KafkaError.CoordinatorNotAvailable;
        }

        KafkaError error = GroupState.CheckMember(members, call.MemberId, call.InstanceId);
        if (error != KafkaError.None)
        {
            return error;
        }

        if (call.Generation != rebalance.Generation)
        {
            return KafkaError.IllegalGeneration;
        }

        bool agrees = (call.ProtocolType is null || call.ProtocolType == members.ProtocolType)
            && (call.ProtocolName is null || call.ProtocolName == rebalance.ProtocolName);
        return agrees ? KafkaError.None : KafkaError.InconsistentGroupProtocol;
    }

    private void Assign(SyncCall call, long nowMs)
    {
        // Members that the leader left out get nothing; ids that are no members are dropped.
        Dictionary<string, ReadOnlyMemory<byte>> assignments = new(StringComparer.Ordinal);
        long bytes = members.Bytes;
        foreach (Member member in members.All)
        {
            byte[] assignment = call.Assignments.TryGetValue(member.Id, out ReadOnlyMemory<byte> given) ? given.ToArray() : [];
            assignments.Add(member.Id, assignment);
            bytes += assignment.Length;
        }

        if (bytes > options.MemberBytesMax)
        {
            rebalance.FailAssignment(KafkaError.GroupMaxSizeReached, nowMs);
            return;
        }

        long token = rebalance.Store(member => assignments[member.Id]);
        stored.AwaitAssignment(token, new ProposedAssignment(rebalance.Generation, assignments));
    }
}
