using System.Collections.Immutable;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>
/// One classic consumer group as a deterministic state machine: every call is synchronous and takes the time, and
/// what must happen outside is left in <see cref="Effects"/>. Behaves as Kafka 3.9's classic protocol.
/// </summary>
/// <remarks>
/// Owner: one GroupLoop, under its lock. There is no timer inside: the owner calls <see cref="Tick"/> no
/// later than <see cref="NextDeadlineMs"/>. Times are milliseconds since the Unix epoch that never go back. Every
/// ticket that was handed in is answered exactly once.
/// </remarks>
public sealed class GroupState
{
    private readonly MemberTable _members;
    private readonly Rebalance _rebalance;
    private readonly StoredGenerations _stored;
    private readonly JoinPhase _join;
    private readonly SyncPhase _sync;

    /// <param name="newGuid">Makes the unique part of member ids.</param>
    public GroupState(string groupId, GroupOptions options, Func<Guid> newGuid, long nowMs)
    {
        GroupId = groupId;
        _members = new MemberTable(Effects);
        _rebalance = new Rebalance(_members, Effects, options);
        _rebalance.Begin(nowMs);
        _stored = new StoredGenerations(_members, _rebalance);
        _join = new JoinPhase(_members, _rebalance, _stored, Effects, options, newGuid);
        _sync = new SyncPhase(_members, _rebalance, _stored, Effects, options);
    }

    public string GroupId { get; }

    public GroupEffects Effects { get; } = new();

    public GroupPhase Phase => _rebalance.Phase;

    public int Generation => _rebalance.Generation;

    public string? LeaderId => _members.LeaderId;

    /// <summary>Null for a group of which only offsets are known ("simple" consumers).</summary>
    public string? ProtocolType => _members.ProtocolType;

    public string? ProtocolName => _rebalance.ProtocolName;

    public int MemberCount => _members.Count;

    public int PendingMemberCount => _members.PendingCount;

    public long StateTimestampMs => _rebalance.StateTimestampMs;

    /// <summary>Topics that the members consume, when the group is a consumer group whose subscriptions can be read.</summary>
    public ImmutableHashSet<string>? SubscribedTopics => _rebalance.SubscribedTopics;

    /// <summary>Bytes of subscriptions and assignments held, for the owner's bounds.</summary>
    public long Bytes => _members.Bytes;

    /// <summary><see cref="long.MaxValue"/> when nothing is awaited.</summary>
    public long NextDeadlineMs
    {
        get
        {
            long next = Math.Min(_rebalance.NextDeadlineMs, _members.NextPendingDeadlineMs);
            foreach (Member member in _members.All)
            {
                next = Math.Min(next, member.SessionDeadlineMs);
            }

            return next;
        }
    }

    /// <summary>Takes over what was stored; sessions of the members start now. To be called first, once.</summary>
    public void Restore(GroupSnapshot snapshot, GroupOptions options, long nowMs)
    {
        _members.ProtocolType = snapshot.ProtocolType.Length == 0 ? null : snapshot.ProtocolType;
        foreach (MemberSnapshot stored in snapshot.Members)
        {
            Member member = new(stored.MemberId, stored.InstanceId, stored.ClientId, stored.ClientHost)
            {
                RebalanceTimeoutMs = Math.Max(stored.RebalanceTimeoutMs < 0 ? stored.SessionTimeoutMs : stored.RebalanceTimeoutMs, 1),
                SessionTimeoutMs = stored.SessionTimeoutMs,
            };
            _members.Add(member, [new GroupProtocol(snapshot.ProtocolName ?? "", stored.Subscription)], snapshot.ProtocolType);
            _members.SetAssignment(member, stored.Assignment.ToArray());
            member.RestartSession(nowMs);
        }

        _members.RestoreLeader(snapshot.LeaderId);
        _rebalance.Restore(snapshot);
        if (_members.Count > options.MembersMax)
        {
            _rebalance.Prepare(nowMs);
        }
    }

    /// <summary>The answer comes as an effect under <paramref name="ticket"/>, now or later.</summary>
    public void Join(JoinCall call, long ticket, long nowMs) => _join.Join(call, ticket, nowMs);

    /// <summary>The answer comes as an effect under <paramref name="ticket"/>, now or later.</summary>
    public void Sync(SyncCall call, long ticket, long nowMs) => _sync.Sync(call, ticket, nowMs);

    /// <summary>Tells how the write of an effect's generation ended.</summary>
    public void Stored(long token, KafkaError error, long nowMs) => _stored.Stored(token, error, nowMs);

    public KafkaError Heartbeat(string memberId, string? instanceId, int generation, long nowMs)
    {
        if (Phase == GroupPhase.Dead)
        {
            return KafkaError.CoordinatorNotAvailable;
        }

        KafkaError error = CheckMemberAndGeneration(memberId, instanceId, generation);
        if (error != KafkaError.None)
        {
            return error;
        }

        _members.Find(memberId)!.RestartSession(nowMs);
        return Phase == GroupPhase.PreparingRebalance ? KafkaError.RebalanceInProgress : KafkaError.None;
    }

    /// <summary>One result per member, in order.</summary>
    public IReadOnlyList<KafkaError> Leave(IReadOnlyList<LeavingMember> leaving, long nowMs)
    {
        KafkaError[] results = new KafkaError[leaving.Count];
        for (int index = 0; index < leaving.Count; index++)
        {
            results[index] = LeaveOne(leaving[index], nowMs);
        }

        return results;
    }

    /// <summary>
    /// Whether this committer may commit offsets now; a member's session starts anew. Generation -1 without a member id
    /// is a simple consumer or an administrator, for whom the group must be empty.
    /// </summary>
    public KafkaError CheckCommit(string memberId, string? instanceId, int generation, long nowMs)
    {
        if (Phase == GroupPhase.Dead)
        {
            return KafkaError.CoordinatorNotAvailable;
        }

        if (generation < 0 && Phase == GroupPhase.Empty)
        {
            return KafkaError.None;
        }

        if (generation < 0 && memberId.Length == 0 && instanceId is null)
        {
            return KafkaError.UnknownMemberId;
        }

        KafkaError error = CheckMemberAndGeneration(memberId, instanceId, generation);
        if (error != KafkaError.None)
        {
            return error;
        }

        if (Phase == GroupPhase.CompletingRebalance)
        {
            return KafkaError.RebalanceInProgress;
        }

        _members.Find(memberId)?.RestartSession(nowMs);
        return KafkaError.None;
    }

    /// <summary>Removes whoever's time is up and completes whatever waited until now.</summary>
    public void Tick(long nowMs)
    {
        if (Phase == GroupPhase.Dead)
        {
            return;
        }

        foreach (string pending in _members.PendingDue(nowMs))
        {
            _rebalance.RemoveMember(pending, nowMs);
        }

        foreach (Member member in _members.All.Where(member => member.SessionDeadlineMs <= nowMs).ToArray())
        {
            if (member.SessionDeadlineMs > nowMs || _members.Find(member.Id) is null)
            {
                continue;
            }

            if (member.IsExcusedFromHeartbeat)
            {
                member.SessionDeadlineMs = Member.Never;
            }
            else
            {
                _rebalance.RemoveMember(member.Id, nowMs);
            }
        }

        _rebalance.Tick(nowMs);
    }

    /// <summary>Marks an empty group as deleted.</summary>
    public KafkaError Delete(long nowMs)
    {
        switch (Phase)
        {
            case GroupPhase.Dead:
                return KafkaError.GroupIdNotFound;
            case GroupPhase.Empty:
                foreach (string pending in _members.PendingDue(long.MaxValue))
                {
                    _members.Remove(pending);
                }

                _rebalance.Die(nowMs);
                return KafkaError.None;
            default:
                return KafkaError.NonEmptyGroup;
        }
    }

    /// <summary>The members as a group of the consumer protocol takes them; who was never told its id is not among them.</summary>
    internal IReadOnlyList<ClassicMemberExport> Exports() =>
    [
        .. _members.All.Where(static member => !member.IsNew).Select(static member => new ClassicMemberExport(
            member.Id, member.InstanceId, member.ClientId, member.ClientHost, member.RebalanceTimeoutMs, member.SessionTimeoutMs,
            member.Protocols, member.Assignment)),
    ];

    /// <summary>Answers everybody who waits: the group goes on as one of another kind.</summary>
    internal void SendAway(KafkaError error)
    {
        foreach (Member member in _members.All)
        {
            _members.AnswerJoin(member, new JoinResult(error, member.IsNew ? "" : member.Id));
            _members.AnswerSync(member, new SyncResult(error));
        }
    }

    /// <summary>
    /// Goes on as a classic group with the members of one of the consumer protocol, who are told to join again. To be called first, once.
    /// </summary>
    /// <returns>What is to be stored.</returns>
    internal GroupSnapshot TakeOver(int generation, IReadOnlyList<ClassicMemberExport> members, long nowMs)
    {
        foreach (ClassicMemberExport export in members)
        {
            Member member = new(export.MemberId, export.InstanceId, export.ClientId, export.ClientHost)
            {
                RebalanceTimeoutMs = Math.Max(export.RebalanceTimeoutMs, 1),
                SessionTimeoutMs = export.SessionTimeoutMs,
            };
            _members.Add(member, export.Protocols, ConsumerSubscription.ProtocolType);
            _members.SetAssignment(member, export.Assignment);
            member.RestartSession(nowMs);
        }

        GroupSnapshot snapshot = _rebalance.GoOnFrom(generation, nowMs);
        if (members.Count > 0)
        {
            _rebalance.Prepare(nowMs);
        }

        return snapshot;
    }

    /// <summary>Subscriptions and assignments are shown only while the group is stable, as Kafka does.</summary>
    public GroupDescription Describe()
    {
        string? protocol = Phase == GroupPhase.Stable ? ProtocolName : null;
        return new GroupDescription(
            Phase, ProtocolType ?? "", protocol ?? "",
            [.. _members.All.Select(member => member.Snapshot(protocol, protocol is null ? default : member.Assignment))]);
    }

    /// <summary>The member exists, and a static one is the latest holder of its instance id.</summary>
    internal static KafkaError CheckMember(MemberTable members, string memberId, string? instanceId)
    {
        if (instanceId is not null)
        {
            string? holder = members.FindStaticId(instanceId);
            if (holder is not null && holder != memberId)
            {
                return KafkaError.FencedInstanceId;
            }

            if (holder is null)
            {
                return KafkaError.UnknownMemberId;
            }
        }

        return members.Find(memberId) is null ? KafkaError.UnknownMemberId : KafkaError.None;
    }

    private KafkaError CheckMemberAndGeneration(string memberId, string? instanceId, int generation)
    {
        KafkaError error = CheckMember(_members, memberId, instanceId);
        return error == KafkaError.None && generation != Generation ? KafkaError.IllegalGeneration : error;
    }

    private KafkaError LeaveOne(LeavingMember leaving, long nowMs)
    {
        if (Phase == GroupPhase.Dead)
        {
            return KafkaError.CoordinatorNotAvailable;
        }

        string? memberId = leaving.MemberId;
        if (memberId.Length == 0)
        {
            memberId = leaving.InstanceId is null ? null : _members.FindStaticId(leaving.InstanceId);
            if (memberId is null)
            {
                return KafkaError.UnknownMemberId;
            }
        }
        else if (!_members.IsPending(memberId))
        {
            KafkaError error = CheckMember(_members, memberId, leaving.InstanceId);
            if (error != KafkaError.None)
            {
                return error;
            }
        }

        _rebalance.RemoveMember(memberId, nowMs);
        return KafkaError.None;
    }
}
