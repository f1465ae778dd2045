using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>
/// What a JoinGroup request does to a group: a new member, one with a fresh id, one that rejoins, or a static member
/// that comes back (KIP-345, KIP-394, KIP-814).
/// </summary>
/// <remarks>Owner: <see cref="GroupState"/>.</remarks>
internal sealed class JoinPhase(
    MemberTable members, Rebalance rebalance, StoredGenerations stored, GroupEffects effects, GroupOptions options, Func<Guid> newGuid)
{
    /// <summary>A member id must fit the protocol's strings, whatever a client calls itself.</summary>
    private const int NameInIdMax = 1_000;

    public void Join(JoinCall call, long ticket, long nowMs)
    {
        if (call.SessionTimeoutMs < options.SessionTimeoutMinMs || call.SessionTimeoutMs > options.SessionTimeoutMaxMs)
        {
            Refuse(ticket, KafkaError.InvalidSessionTimeout, call.MemberId);
            return;
        }

        if (rebalance.Phase == GroupPhase.Dead)
        {
            Refuse(ticket, KafkaError.CoordinatorNotAvailable, call.MemberId);
            return;
        }

        if (!HasRoomFor(call))
        {
            rebalance.RemoveMember(call.MemberId, nowMs);
            Refuse(ticket, KafkaError.GroupMaxSizeReached, "");
        }
        else if (!IsCompatible(call))
        {
            Refuse(ticket, KafkaError.InconsistentGroupProtocol, call.MemberId);
        }
        else if (call.MemberId.Length == 0)
        {
            JoinWithoutId(call, ticket, nowMs);
        }
        else
        {
            JoinWithId(call, ticket, nowMs);
        }

        rebalance.TryCompleteJoin(nowMs);
    }

    private bool IsCompatible(JoinCall call) => rebalance.Phase == GroupPhase.Empty
        ? call.ProtocolType.Length > 0 && call.Protocols.Count > 0
        : members.Supports(call.ProtocolType, call.Protocols);

    /// <remarks>
    /// While a rebalance is prepared, those who wait are counted, not the members: so a group over its limit sheds the
    /// members that rejoin last.
    /// </remarks>
    private bool HasRoomFor(JoinCall call)
    {
        Member? known = members.Find(call.MemberId);
        bool room = rebalance.Phase switch
        {
            GroupPhase.PreparingRebalance => known is { IsAwaitingJoin: true } || members.AwaitingJoinCount < options.MembersMax,
            GroupPhase.CompletingRebalance or GroupPhase.Stable => known is not null || members.Count < options.MembersMax,
            _ => true,
        };
        long freedBytes = known?.Protocols.Sum(MemberTable.BytesOf) ?? 0;
        return room && members.Bytes - freedBytes + call.Protocols.Sum(MemberTable.BytesOf) <= options.MemberBytesMax;
    }

    private void JoinWithoutId(JoinCall call, long ticket, long nowMs)
    {
        string name = call.InstanceId ?? call.ClientId;
        string newId = $"{name[..Math.Min(name.Length, NameInIdMax)]}-{newGuid():D}";
        if (call.InstanceId is not null)
        {
            if (members.FindStaticId(call.InstanceId) is { } oldId)
            {
                ReplaceStatic(call, oldId, newId, ticket, nowMs);
            }
            else
            {
                AddMember(call, newId, ticket, nowMs);
            }
        }
        else if (!call.RequireKnownMemberId)
        {
            AddMember(call, newId, ticket, nowMs);
        }
        else if (members.PendingCount >= options.PendingMembersMax)
        {
            Refuse(ticket, KafkaError.GroupMaxSizeReached, "");
        }
        else
        {
            members.AddPending(newId, nowMs + call.SessionTimeoutMs);
            Refuse(ticket, KafkaError.MemberIdRequired, newId);
        }
    }

    private void JoinWithId(JoinCall call, long ticket, long nowMs)
    {
        if (members.IsPending(call.MemberId))
        {
            if (call.InstanceId is not null)
            {
                // Static members never get a pending id: this one mixes two identities.
                Refuse(ticket, KafkaError.InvalidRequest, call.MemberId);
                return;
            }

            AddMember(call, call.MemberId, ticket, nowMs);
            return;
        }

        KafkaError error = GroupState.CheckMember(members, call.MemberId, call.InstanceId);
        if (error != KafkaError.None)
        {
            Refuse(ticket, error, call.MemberId);
            return;
        }

        Rejoin(members.Find(call.MemberId)!, call, ticket, nowMs);
    }

    private void Rejoin(Member member, JoinCall call, long ticket, long nowMs)
    {
        bool unchanged = member.Offers(call.Protocols);
        bool leads = members.IsLeader(member.Id);
        switch (rebalance.Phase)
        {
            case GroupPhase.CompletingRebalance when unchanged:
                // It probably never saw the answer to its join: it gets it again.
                effects.Answer(ticket, rebalance.CurrentGeneration(member, withMembers: leads));
                break;
            case GroupPhase.Stable when unchanged && !leads:
                effects.Answer(ticket, rebalance.CurrentGeneration(member, withMembers: false));
                break;
            case GroupPhase.PreparingRebalance or GroupPhase.CompletingRebalance or GroupPhase.Stable:
                // A leader of a stable group that rejoins unchanged asks for a new assignment: topics have changed, say.
                Update(member, call, ticket);
                rebalance.PrepareIfPossible(nowMs);
                break;
            default:
                Refuse(ticket, KafkaError.UnknownMemberId, call.MemberId);
                break;
        }
    }

    private void AddMember(JoinCall call, string memberId, long ticket, long nowMs)
    {
        Member member = new(memberId, call.InstanceId, call.ClientId, call.ClientHost)
        {
            RebalanceTimeoutMs = AtLeastOne(call.RebalanceTimeoutMs),
            SessionTimeoutMs = call.SessionTimeoutMs,
            IsNew = true,
            SessionDeadlineMs = nowMs + options.NewMemberJoinTimeoutMs,
        };
        if (rebalance.Phase == GroupPhase.PreparingRebalance && rebalance.Generation == 0)
        {
            rebalance.NewMemberAdded = true;
        }

        members.Add(member, call.Protocols, call.ProtocolType);
        members.AwaitJoin(member, ticket);
        rebalance.PrepareIfPossible(nowMs);
    }

    private void ReplaceStatic(JoinCall call, string oldId, string newId, long ticket, long nowMs)
    {
        string? oldLeader = members.LeaderId;
        Member member = members.ReplaceStatic(call.InstanceId!, oldId, newId);
        StaticReplacement replacement = new(
            member, oldId, oldLeader, call.SupportsSkippingAssignment, rebalance.Generation,
            member.Protocols, member.RebalanceTimeoutMs, member.SessionTimeoutMs);
        Update(member, call, ticket);
        member.RestartSession(nowMs);
        if (rebalance.Phase == GroupPhase.Stable && members.SelectProtocol() == rebalance.ProtocolName)
        {
            // Nothing changes for the others: only the new id must survive a restart of the coordinator.
            stored.AwaitReplacement(rebalance.Store(static same => same.Assignment), replacement);
        }
        else
        {
            // In CompletingRebalance the leader may be assigning to the old id: the new one would get nothing.
            rebalance.PrepareIfPossible(nowMs);
        }
    }

    private void Update(Member member, JoinCall call, long ticket)
    {
        members.SetProtocols(member, call.Protocols);
        member.RebalanceTimeoutMs = AtLeastOne(call.RebalanceTimeoutMs);
        member.SessionTimeoutMs = call.SessionTimeoutMs;
        members.AwaitJoin(member, ticket);
    }

    /// <summary>A deadline must lie in the future, or waiting for it would spin.</summary>
    private static int AtLeastOne(int timeoutMs) => Math.Max(timeoutMs, 1);

    private void Refuse(long ticket, KafkaError error, string memberId) => effects.Answer(ticket, new JoinResult(error, memberId));
}
