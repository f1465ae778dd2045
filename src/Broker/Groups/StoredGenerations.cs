using System.Collections.Immutable;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>
/// A static member that came back under a new id while the group was stable, with what to return to if that can't be stored.
/// </summary>
internal sealed record StaticReplacement(
    Member Member,
    string OldId,
    string? OldLeaderId,
    bool SupportsSkippingAssignment,
    int Generation,
    ImmutableArray<GroupProtocol> OldProtocols,
    int OldRebalanceTimeoutMs,
    int OldSessionTimeoutMs);

/// <summary>An assignment of the leader that is on its way to the offsets topic.</summary>
internal sealed record ProposedAssignment(int Generation, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Assignments);

/// <summary>What happens when a generation has been stored, or could not be.</summary>
/// <remarks>
/// Owner: <see cref="GroupState"/>. The group goes on while a write is under way: whoever finds another generation
/// than the one it wrote does nothing.
/// </remarks>
internal sealed class StoredGenerations(MemberTable members, Rebalance rebalance)
{
    private readonly Dictionary<long, StaticReplacement> _replacements = [];
    private readonly Dictionary<long, ProposedAssignment> _assignments = [];

    public void AwaitReplacement(long token, StaticReplacement replacement) => _replacements.Add(token, replacement);

    public void AwaitAssignment(long token, ProposedAssignment assignment) => _assignments.Add(token, assignment);

    public bool IsAssigning(int generation) => _assignments.Values.Any(proposed => proposed.Generation == generation);

    public void Stored(long token, KafkaError error, long nowMs)
    {
        if (_assignments.Remove(token, out ProposedAssignment? proposed))
        {
            if (rebalance.Phase == GroupPhase.CompletingRebalance && rebalance.Generation == proposed.Generation)
            {
                Assigned(proposed, error, nowMs);
            }
        }
        else if (_replacements.Remove(token, out StaticReplacement? replacement))
        {
            Replaced(replacement, error, nowMs);
        }
    }

    private void Assigned(ProposedAssignment proposed, KafkaError error, long nowMs)
    {
        if (error == KafkaError.None)
        {
            rebalance.Stabilize(proposed.Assignments, nowMs);
        }
        else
        {
            rebalance.FailAssignment(error, nowMs);
        }
    }

    private void Replaced(StaticReplacement replacement, KafkaError error, long nowMs)
    {
        Member member = replacement.Member;
        bool isCurrent = rebalance.Phase == GroupPhase.Stable
            && rebalance.Generation == replacement.Generation
            && ReferenceEquals(members.Find(member.Id), member);
        if (!isCurrent)
        {
            // A rebalance has begun meanwhile: it answers the join, and stores the member's id with its generation.
            return;
        }

        if (error != KafkaError.None)
        {
            members.AnswerJoin(member, new JoinResult(
                error, "", rebalance.Generation, members.ProtocolType, rebalance.ProtocolName, replacement.OldLeaderId ?? ""));
            members.SetProtocols(member, replacement.OldProtocols);
            member.RebalanceTimeoutMs = replacement.OldRebalanceTimeoutMs;
            member.SessionTimeoutMs = replacement.OldSessionTimeoutMs;
            members.ReplaceStatic(member.InstanceId!, member.Id, replacement.OldId);
            member.RestartSession(nowMs);
            return;
        }

        // Who does not know SkipAssignment is not told that it leads: it would compute an assignment that a stable
        // group ignores. It sees the old leader's id instead, which is nobody's any more (KIP-345, KIP-814).
        bool leads = replacement.SupportsSkippingAssignment && members.IsLeader(member.Id);
        string leaderId = (replacement.SupportsSkippingAssignment ? members.LeaderId : replacement.OldLeaderId) ?? "";
        members.AnswerJoin(member, rebalance.CurrentGeneration(member, withMembers: leads) with
        {
            LeaderId = leaderId,
            SkipAssignment = leads,
        });
        member.RestartSession(nowMs);
    }
}
