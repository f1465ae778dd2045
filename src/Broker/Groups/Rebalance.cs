using System.Collections.Immutable;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>
/// The phase of a group, its generation, and what moves it on: everyone has joined, the leader has assigned, or a
/// deadline has passed.
/// </summary>
/// <remarks>Owner: <see cref="GroupState"/>. Pure: time comes in, effects go out.</remarks>
internal sealed class Rebalance(MemberTable members, GroupEffects effects, GroupOptions options)
{
    private long _joinDeadlineMs = Member.Never;
    private long _syncDeadlineMs = Member.Never;
    private long _lastToken;

    // Of an initial rebalance only: it waits out its delay even when everyone has joined, for others may be starting up.
    private bool _isInitial;
    private int _initialDelayMs;
    private int _initialRemainingMs;

    public GroupPhase Phase { get; private set; } = GroupPhase.Empty;

    public int Generation { get; private set; }

    public string? ProtocolName { get; private set; }

    /// <summary>Milliseconds since the Unix epoch; -1 in a group that was stored without it.</summary>
    public long StateTimestampMs { get; private set; }

    /// <summary>Topics of all subscriptions of the current generation; null when they are not known.</summary>
    public ImmutableHashSet<string>? SubscribedTopics { get; private set; }

    /// <summary>Somebody joined while the first generation was being prepared: its delay is worth extending.</summary>
    public bool NewMemberAdded { get; set; }

    public bool CanStart => Phase is GroupPhase.Empty or GroupPhase.Stable or GroupPhase.CompletingRebalance;

    public long NextDeadlineMs => Math.Min(_joinDeadlineMs, _syncDeadlineMs);

    public void Begin(long nowMs) => StateTimestampMs = nowMs;

    public void Restore(GroupSnapshot snapshot)
    {
        Phase = snapshot.Members.Count == 0 ? GroupPhase.Empty : GroupPhase.Stable;
        Generation = snapshot.Generation;
        ProtocolName = snapshot.ProtocolName ?? (snapshot.Members.Count == 0 ? null : "");
        StateTimestampMs = snapshot.StateTimestampMs;
        SubscribedTopics = ConsumerSubscription.TopicsOf(members, ProtocolName);
    }

    /// <summary>Stands as if the members had got their assignments in this generation.</summary>
    public GroupSnapshot GoOnFrom(int generation, long nowMs)
    {
        Phase = members.Count == 0 ? GroupPhase.Empty : GroupPhase.Stable;
        Generation = generation;
        ProtocolName = members.Count == 0 ? null : members.SelectProtocol();
        StateTimestampMs = nowMs;
        SubscribedTopics = ConsumerSubscription.TopicsOf(members, ProtocolName);
        return Snapshot(static member => member.Assignment);
    }

    public void Die(long nowMs)
    {
        MoveTo(GroupPhase.Dead, nowMs);
        _joinDeadlineMs = Member.Never;
        _syncDeadlineMs = Member.Never;
        members.ClearPendingSync();
    }

    public void PrepareIfPossible(long nowMs)
    {
        if (CanStart)
        {
            Prepare(nowMs);
        }
    }

    public void Prepare(long nowMs)
    {
        if (Phase == GroupPhase.CompletingRebalance)
        {
            AnswerAllSyncs(KafkaError.RebalanceInProgress, nowMs);
        }

        members.ClearPendingSync();
        _syncDeadlineMs = Member.Never;
        _isInitial = Phase == GroupPhase.Empty;
        if (_isInitial)
        {
            _initialDelayMs = options.InitialRebalanceDelayMs;
            _initialRemainingMs = Math.Max(members.RebalanceTimeoutMs - options.InitialRebalanceDelayMs, 0);
            _joinDeadlineMs = nowMs + _initialDelayMs;
        }
        else
        {
            _joinDeadlineMs = nowMs + members.RebalanceTimeoutMs;
        }

        MoveTo(GroupPhase.PreparingRebalance, nowMs);
        TryCompleteJoin(nowMs);
    }

    public void TryCompleteJoin(long nowMs)
    {
        if (Phase == GroupPhase.PreparingRebalance && !_isInitial && members.HaveAllJoined)
        {
            CompleteJoin(nowMs);
        }
    }

    /// <summary>Removes a member that left or was given up on, and lets the group go on without it.</summary>
    public void RemoveMember(string memberId, long nowMs)
    {
        bool wasMember = members.Find(memberId) is not null;
        members.Remove(memberId);
        StopWaitingForSyncsIfAllCame();
        if (wasMember && Phase is GroupPhase.Stable or GroupPhase.CompletingRebalance)
        {
            Prepare(nowMs);
        }
        else
        {
            TryCompleteJoin(nowMs);
        }
    }

    public void SyncArrived(Member member)
    {
        members.SyncArrived(member.Id);
        StopWaitingForSyncsIfAllCame();
    }

    /// <summary>Asks for the current generation to be stored with these assignments. Returns the token of the answer.</summary>
    public long Store(Func<Member, ReadOnlyMemory<byte>> assignmentOf)
    {
        _lastToken++;
        effects.Store(new GroupStore(_lastToken, Snapshot(assignmentOf)));
        return _lastToken;
    }

    /// <summary>The leader's assignment is durable: hands everyone its part.</summary>
    public void Stabilize(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> assignments, long nowMs)
    {
        foreach (Member member in members.All)
        {
            members.SetAssignment(member, assignments.GetValueOrDefault(member.Id));
        }

        AnswerAllSyncs(KafkaError.None, nowMs);
        MoveTo(GroupPhase.Stable, nowMs);
    }

    /// <summary>The leader's assignment could not be stored: everyone is told and must join again.</summary>
    public void FailAssignment(KafkaError error, long nowMs)
    {
        AnswerAllSyncs(error, nowMs);
        Prepare(nowMs);
    }

    public void Tick(long nowMs)
    {
        if (_joinDeadlineMs <= nowMs)
        {
            JoinDeadlinePassed(nowMs);
        }

        if (_syncDeadlineMs <= nowMs)
        {
            _syncDeadlineMs = Member.Never;
            foreach (string missing in members.PendingSync.ToArray())
            {
                members.Remove(missing);
            }

            Prepare(nowMs);
        }
    }

    public IReadOnlyList<JoinedMember> MembersForLeader() =>
        [.. members.All.Select(member => new JoinedMember(member.Id, member.InstanceId, member.MetadataFor(ProtocolName!)))];

    public JoinResult CurrentGeneration(Member member, bool withMembers) =>
        new(KafkaError.None, member.Id, Generation, members.ProtocolType, ProtocolName, members.LeaderId ?? "")
        {
            Members = withMembers ? MembersForLeader() : [],
        };

    private GroupSnapshot Snapshot(Func<Member, ReadOnlyMemory<byte>> assignmentOf) => new(
        members.ProtocolType ?? "", Generation, ProtocolName, members.LeaderId, StateTimestampMs,
        [.. members.All.Select(member => member.Snapshot(ProtocolName, assignmentOf(member)))]);

    private void JoinDeadlinePassed(long nowMs)
    {
        if (_isInitial && NewMemberAdded && _initialRemainingMs > 0)
        {
            NewMemberAdded = false;
            int delayMs = Math.Min(options.InitialRebalanceDelayMs, _initialRemainingMs);
            _initialRemainingMs = Math.Max(_initialRemainingMs - _initialDelayMs, 0);
            _initialDelayMs = delayMs;
            _joinDeadlineMs = nowMs + delayMs;
            return;
        }

        CompleteJoin(nowMs);
    }

    private void CompleteJoin(long nowMs)
    {
        _joinDeadlineMs = Member.Never;
        _isInitial = false;
        foreach (Member absent in members.All.Where(static member => !member.IsAwaitingJoin && !member.IsStatic).ToArray())
        {
            members.Remove(absent.Id);
        }

        if (members.Count > 0 && !members.ElectJoinedLeader())
        {
            // Only static members are left and none has come back yet: their sessions decide, so look again later.
            _joinDeadlineMs = nowMs + members.RebalanceTimeoutMs;
            return;
        }

        Generation++;
        members.ClearPendingSync();
        if (members.Count == 0)
        {
            ProtocolName = null;
            MoveTo(GroupPhase.Empty, nowMs);
            SubscribedTopics = ConsumerSubscription.TopicsOf(members, ProtocolName);
            Store(static _ => default);
            return;
        }

        ProtocolName = members.SelectProtocol();
        SubscribedTopics = ConsumerSubscription.TopicsOf(members, ProtocolName);
        MoveTo(GroupPhase.CompletingRebalance, nowMs);
        foreach (Member member in members.All)
        {
            members.AnswerJoin(member, CurrentGeneration(member, members.IsLeader(member.Id)));
            member.RestartSession(nowMs);
            member.IsNew = false;
            members.ExpectSync(member.Id);
        }

        _syncDeadlineMs = nowMs + members.RebalanceTimeoutMs;
    }

    private void AnswerAllSyncs(KafkaError error, long nowMs)
    {
        bool assigned = error == KafkaError.None;
        foreach (Member member in members.All)
        {
            if (!assigned)
            {
                members.SetAssignment(member, default);
            }

            SyncResult result = assigned
                ? new SyncResult(error, members.ProtocolType, ProtocolName) { Assignment = member.Assignment }
                : new SyncResult(error);

            // While a member waited, its session was not watched: it starts anew with the answer.
            if (members.AnswerSync(member, result))
            {
                member.RestartSession(nowMs);
            }
        }
    }

    private void StopWaitingForSyncsIfAllCame()
    {
        if (members.HaveAllSynced)
        {
            _syncDeadlineMs = Member.Never;
        }
    }

    private void MoveTo(GroupPhase phase, long nowMs)
    {
        bool valid = phase switch
        {
            GroupPhase.Empty or GroupPhase.CompletingRebalance => Phase == GroupPhase.PreparingRebalance,
            GroupPhase.PreparingRebalance => CanStart,
            GroupPhase.Stable => Phase == GroupPhase.CompletingRebalance,
            _ => true,
        };
        if (!valid)
        {
            throw new InvalidOperationException($"a group can't go from {Phase} to {phase}");
        }

        Phase = phase;
        StateTimestampMs = nowMs;
    }
}
