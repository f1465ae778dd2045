using System.Collections.Immutable;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>
/// One group whose partitions are assigned here (KIP-848), as a deterministic state machine: every call is synchronous and takes the time.
/// A change of members, subscriptions or topics moves the epoch of the group; a target is computed for that epoch; each heartbeat takes one
/// member one step nearer to it.
/// </summary>
/// <remarks>
/// Owner: one GroupLoop, under its lock, which writes what <see cref="Journal"/> says after every call, and answers when that is durable.
/// There is no timer inside: the owner calls <see cref="Tick"/> no later than <see cref="NextDeadlineMs"/>. Epochs never go back.
/// </remarks>
internal sealed partial class ConsumerGroupState : IManagedGroup
{
    private readonly OrderedDictionary<string, ConsumerMember> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _idsByInstance = new(StringComparer.Ordinal);
    private readonly PartitionOwners _owners = new();
    private readonly Subscriptions _subscriptions;
    private readonly GroupOptions _options;
    private readonly ITopicImage _topics;
    private long _metadataHash;
    private bool _subscriptionsChanged;

    /// <param name="firstEpoch">What the group has come to already, as one of another kind.</param>
    public ConsumerGroupState(string groupId, GroupOptions options, ITopicImage topics, int firstEpoch = 0)
    {
        GroupId = groupId;
        _options = options;
        _topics = topics;
        _subscriptions = new Subscriptions(topics);
        Epoch = firstEpoch;
        TargetEpoch = firstEpoch;
        Assignor = Assignors.Default.Name;
        if (firstEpoch > 0)
        {
            Journal.Group();
            Journal.TargetEpoch();
        }
    }

    public string GroupId { get; }

    public string Type => GroupTypes.Consumer;

    public string ProtocolType => ConsumerSubscription.ProtocolType;

    public ConsumerJournal Journal { get; } = new();

    public int Epoch { get; private set; }

    public int TargetEpoch { get; private set; }

    public string Assignor { get; private set; }

    public long MetadataHash => _metadataHash;

    public int MemberCount => _members.Count;

    public IReadOnlyList<ConsumerMember> Members => _members.Values;

    public ImmutableHashSet<string> SubscribedTopics => _subscriptions.Topics;

    public long Bytes { get; private set; }

    /// <summary>The words that ListGroups and describe calls use.</summary>
    public string StateName
    {
        get
        {
            if (_members.Count == 0)
            {
                return "Empty";
            }

            return Epoch > TargetEpoch ? "Assigning"
                : _members.Values.Any(member => member.State != MemberState.Stable || (member.Epoch != TargetEpoch && !member.IsAway))
                    ? "Reconciling" : "Stable";
        }
    }

    public long NextDeadlineMs
    {
        get
        {
            long next = ConsumerMember.Never;
            foreach (ConsumerMember member in _members.Values)
            {
                next = Math.Min(next, Math.Min(member.SessionDeadlineMs, member.RebalanceDeadlineMs));
            }

            return next;
        }
    }

    public ConsumerMember? Find(string memberId) => _members.GetValueOrDefault(memberId);

    public ConsumerMember? FindStatic(string instanceId) =>
        _idsByInstance.TryGetValue(instanceId, out string? id) ? _members[id] : null;

    public ConsumerHeartbeatResult Heartbeat(ConsumerHeartbeatCall call, long nowMs)
    {
        if (call.Epoch is ConsumerEpochs.Leave or ConsumerEpochs.LeaveStatic)
        {
            return Leave(call, nowMs);
        }

        (KafkaError error, string? message) = Refusal(call);
        if (error != KafkaError.None)
        {
            return ConsumerHeartbeatResult.Refused(error, message);
        }

        ConsumerMember member = call.Epoch == ConsumerEpochs.Join ? Admit(call.MemberId, call.InstanceId) : _members[call.MemberId];
        Update(member, call);
        ImmutableSortedDictionary<TopicIdPartition, int> before = member.Assigned;
        Advance();
        Reconcile(member, call.Owned, nowMs);
        member.SessionDeadlineMs = nowMs + call.SessionTimeoutMs;
        bool tells = call.Epoch == ConsumerEpochs.Join || call.IsFull || !ReferenceEquals(before, member.Assigned);
        return new ConsumerHeartbeatResult(KafkaError.None, null, member.Id, member.Epoch, tells ? [.. member.Assigned.Keys] : null);
    }

    /// <summary>Whether offsets may be committed under this epoch; no member and epoch -1 is an administrator, for whom the group must be empty.</summary>
    public KafkaError CheckCommit(string memberId, string? instanceId, int epoch, IEnumerable<GroupPartition> partitions, bool knowsEpochs)
    {
        if (epoch < 0 && memberId.Length == 0 && instanceId is null)
        {
            return _members.Count == 0 ? KafkaError.None : KafkaError.UnknownMemberId;
        }

        KafkaError error = CheckMember(memberId, instanceId);
        if (error != KafkaError.None)
        {
            return error;
        }

        ConsumerMember member = _members[memberId];
        if (member.Classic is not null)
        {
            return epoch == member.Epoch ? KafkaError.None : KafkaError.IllegalGeneration;
        }

        if (!knowsEpochs)
        {
            return KafkaError.UnsupportedVersion;
        }

        if (epoch == member.Epoch)
        {
            return KafkaError.None;
        }

        // What was consumed under an earlier epoch counts as long as the partition has not changed hands since (KIP-1251).
        bool isSince = epoch > 0 && epoch < member.Epoch && partitions.All(partition =>
            _topics.Find(partition.Topic) is { } topic
            && member.Assigned.TryGetValue(new TopicIdPartition(topic.Id, partition.Partition), out int got) && got <= epoch);
        return isSince ? KafkaError.None : KafkaError.StaleMemberEpoch;
    }

    /// <summary>Whether a member may fetch offsets under this epoch; no member is anybody.</summary>
    public KafkaError CheckFetch(string? memberId, int epoch)
    {
        if (string.IsNullOrEmpty(memberId) && epoch < 0)
        {
            return KafkaError.None;
        }

        return Find(memberId ?? "") is not { } member ? KafkaError.UnknownMemberId
            : member.Epoch == epoch ? KafkaError.None : KafkaError.StaleMemberEpoch;
    }

    /// <summary>Removes whoever's time is up.</summary>
    public void Tick(long nowMs)
    {
        foreach (ConsumerMember member in _members.Values.ToArray())
        {
            if (member.SessionDeadlineMs <= nowMs || member.RebalanceDeadlineMs <= nowMs)
            {
                Remove(member);
            }
        }
    }

    public ConsumerGroupDescription Describe() => new(
        StateName, Epoch, TargetEpoch, Assignor,
        [.. _members.Values.Select(static member => new ConsumerMemberDescription(
            member.Id, member.InstanceId, member.RackId, member.Epoch, member.ClientId, member.ClientHost, [.. member.TopicNames],
            member.TopicRegex, [.. member.Assigned.Keys], [.. member.Target], member.Classic is not null))]);

    public IReadOnlyList<GroupLogRecord> Records(ConsumerJournal journal) => ConsumerGroupLog.Records(this, journal);

    public IReadOnlyList<GroupLogRecord> Tombstones(Committer? by) => [.. ConsumerGroupLog.Tombstones(this, Journal.Members, by)];

    internal KafkaError CheckMember(string memberId, string? instanceId)
    {
        if (instanceId is not null)
        {
            if (FindStatic(instanceId) is not { } holder)
            {
                return KafkaError.UnknownMemberId;
            }

            if (holder.Id != memberId)
            {
                return KafkaError.FencedInstanceId;
            }
        }

        return Find(memberId) is null ? KafkaError.UnknownMemberId : KafkaError.None;
    }

    private ConsumerHeartbeatResult Leave(ConsumerHeartbeatCall call, long nowMs)
    {
        KafkaError error = CheckMember(call.MemberId, call.InstanceId);
        if (error != KafkaError.None)
        {
            return ConsumerHeartbeatResult.Refused(error, $"Member {call.MemberId} is not a member of group {GroupId}.");
        }

        ConsumerMember member = _members[call.MemberId];
        if (call.Epoch == ConsumerEpochs.LeaveStatic && member.InstanceId is not null)
        {
            // Its partitions wait for it until its session ends.
            _owners.Remove(member);
            member.Epoch = ConsumerEpochs.LeaveStatic;
            member.PendingRevocation = [];
            member.State = MemberState.Stable;
            _owners.Add(member);
            member.RebalanceDeadlineMs = ConsumerMember.Never;
            member.SessionDeadlineMs = nowMs + call.SessionTimeoutMs;
            Journal.Assignment(member.Id);
        }
        else
        {
            Remove(member);
        }

        return new ConsumerHeartbeatResult(KafkaError.None, null, call.MemberId, call.Epoch, null);
    }

    /// <summary>Why a member that joins or stays is refused; nothing changes.</summary>
    internal (KafkaError Error, string? Message) Refusal(ConsumerHeartbeatCall call)
    {
        if (call.TopicRegex is { Length: > 0 } regex && TopicPattern.TryCreate(regex, out string? problem) is null)
        {
            return (KafkaError.InvalidRegularExpression, $"SubscribedTopicRegex `{regex}` is not a valid regular expression: {problem}");
        }

        if (call.Epoch == ConsumerEpochs.Join)
        {
            ConsumerMember? holder = call.InstanceId is null ? null : FindStatic(call.InstanceId);
            if (holder is not null && holder.Id != call.MemberId && !holder.IsAway && holder.Classic is null)
            {
                return (KafkaError.UnreleasedInstanceId, $"Static member {holder.Id} with instance id {call.InstanceId} was not released.");
            }

            bool isFull = holder is null && Find(call.MemberId) is null && _members.Count >= _options.MembersMax;
            return isFull
                ? (KafkaError.GroupMaxSizeReached, $"Group {GroupId} has its {_options.MembersMax} members.")
                : (KafkaError.None, null);
        }

        KafkaError error = CheckMember(call.MemberId, call.InstanceId);
        return error == KafkaError.None
            ? CheckEpoch(_members[call.MemberId], call)
            : (error, $"Member {call.MemberId} is not a member of group {GroupId}.");
    }

    private static (KafkaError Error, string? Message) CheckEpoch(ConsumerMember member, ConsumerHeartbeatCall call)
    {
        if (call.Epoch == member.Epoch)
        {
            return (KafkaError.None, null);
        }

        // The answer that brought the epoch may never have arrived.
        bool missedIt = call.Epoch < member.Epoch && call.Epoch == member.PreviousEpoch
            && call.Owned is not null && call.Owned.All(member.Assigned.ContainsKey);
        return missedIt ? (KafkaError.None, null) : (
            KafkaError.FencedMemberEpoch,
            $"The consumer group member has epoch {call.Epoch}, but the coordinator knows epoch {member.Epoch}: it must give up its partitions and rejoin.");
    }

    /// <summary>The member that joins: new, known already, or a static one that has come back under another id and keeps what it had.</summary>
    private ConsumerMember Admit(string memberId, string? instanceId)
    {
        if (instanceId is not null && FindStatic(instanceId) is { } before && before.Id != memberId)
        {
            return Replace(before, memberId);
        }

        if (Find(memberId) is { } known && known.InstanceId == instanceId)
        {
            // It has nothing any more, whatever it had: it says so by joining.
            if (known.State == MemberState.UnrevokedPartitions)
            {
                _owners.Remove(known);
                known.PendingRevocation = [];
                known.State = MemberState.UnreleasedPartitions;
                _owners.Add(known);
            }

            return known;
        }

        if (Find(memberId) is { } other)
        {
            Remove(other);
        }

        ConsumerMember member = new(memberId) { InstanceId = instanceId };
        Add(member);
        Journal.AllOf(memberId);
        _subscriptionsChanged = true;
        return member;
    }

    private ConsumerMember Replace(ConsumerMember before, string memberId)
    {
        ConsumerMember member = new(memberId)
        {
            InstanceId = before.InstanceId,
            RackId = before.RackId,
            RebalanceTimeoutMs = before.RebalanceTimeoutMs,
            ServerAssignor = before.ServerAssignor,
            TopicNames = before.TopicNames,
            TopicRegex = before.TopicRegex,
            MatchedTopics = before.MatchedTopics,
            Assigned = before.Assigned,
            Target = before.Target,
        };
        Forget(before);
        Add(member);
        Journal.AllOf(memberId);
        return member;
    }

    private void Update(ConsumerMember member, ConsumerHeartbeatCall call)
    {
        Bytes -= member.Bytes;
        bool subscribes = false;
        bool changes = member.ClientId != call.ClientId || member.ClientHost != call.ClientHost || member.Classic is not null;
        member.ClientId = call.ClientId;
        member.ClientHost = call.ClientHost;
        member.Classic = null;
        if (call.TopicNames is not null && !member.TopicNames.SetEquals(call.TopicNames))
        {
            member.TopicNames = call.TopicNames.ToImmutableSortedSet(StringComparer.Ordinal);
            subscribes = true;
        }

        string? regex = call.TopicRegex is null ? member.TopicRegex : call.TopicRegex.Length == 0 ? null : call.TopicRegex;
        if (regex != member.TopicRegex)
        {
            member.TopicRegex = regex;
            subscribes = true;
        }

        member.MayDescribe = call.MayDescribe;
        subscribes |= _subscriptions.Resolve(member);

        if (call.RackId is not null && call.RackId != member.RackId)
        {
            member.RackId = call.RackId;
            changes = true;
        }

        if (call.RebalanceTimeoutMs != -1 && call.RebalanceTimeoutMs != member.RebalanceTimeoutMs)
        {
            member.RebalanceTimeoutMs = call.RebalanceTimeoutMs;
            changes = true;
        }

        if (call.ServerAssignor is not null && call.ServerAssignor != member.ServerAssignor)
        {
            member.ServerAssignor = call.ServerAssignor;
            subscribes = true;
        }

        Bytes += member.Bytes;
        _subscriptionsChanged |= subscribes;
        if (changes || subscribes)
        {
            Journal.Member(member.Id);
        }
    }

    /// <summary>Moves the epoch on if anything asks for it, and computes the target of an epoch that has none.</summary>
    private void Advance()
    {
        if (_subscriptionsChanged || _subscriptions.IsStale)
        {
            long hash = _subscriptions.Look(_members.Values);
            if (_subscriptionsChanged || hash != _metadataHash)
            {
                _metadataHash = hash;
                Epoch++;
                Journal.Group();
            }

            _subscriptionsChanged = false;
        }

        if (TargetEpoch < Epoch)
        {
            ComputeTarget();
        }
    }

    private void ComputeTarget()
    {
        IPartitionAssignor assignor = PreferredAssignor();
        Assignor = assignor.Name;
        ConsumerMember[] members = [.. _members.Values];
        ImmutableSortedSet<TopicIdPartition>[] targets = assignor.Assign(
            [.. members.Select(member => new AssigningMember(member.Id, member.InstanceId, _subscriptions.Of(member), member.Target))]);
        for (int index = 0; index < members.Length; index++)
        {
            if (!targets[index].SetEquals(members[index].Target))
            {
                Bytes -= members[index].Bytes;
                members[index].Target = targets[index];
                Bytes += members[index].Bytes;
                Journal.Target(members[index].Id);
            }
        }

        TargetEpoch = Epoch;
        Journal.TargetEpoch();
    }

    /// <summary>What most members ask for; of several, the first in the alphabet; else the default.</summary>
    private IPartitionAssignor PreferredAssignor()
    {
        string? name = _members.Values
            .Where(static member => member.ServerAssignor is not null)
            .GroupBy(static member => member.ServerAssignor!)
            .OrderByDescending(static votes => votes.Count())
            .ThenBy(static votes => votes.Key, StringComparer.Ordinal)
            .FirstOrDefault()?.Key;
        return (name is null ? null : Assignors.Find(name)) ?? Assignors.Default;
    }

    private void Reconcile(ConsumerMember member, IReadOnlyCollection<TopicIdPartition>? owned, long nowMs)
    {
        Bytes -= member.Bytes;
        _owners.Remove(member);
        MemberState before = member.State;
        if (Reconciler.Step(member, TargetEpoch, owned, partition => _owners.IsFreeFor(partition, member.Id)))
        {
            Journal.Assignment(member.Id);
        }

        _owners.Add(member);
        Bytes += member.Bytes;
        if (member.State != MemberState.UnrevokedPartitions)
        {
            member.RebalanceDeadlineMs = ConsumerMember.Never;
        }
        else if (before != MemberState.UnrevokedPartitions)
        {
            member.RebalanceDeadlineMs = nowMs + Math.Max(member.RebalanceTimeoutMs, 1);
        }
    }

    private void Add(ConsumerMember member)
    {
        _members.Add(member.Id, member);
        if (member.InstanceId is not null)
        {
            _idsByInstance[member.InstanceId] = member.Id;
        }

        _owners.Add(member);
        Bytes += member.Bytes;
    }

    /// <summary>The group goes on without the member: a new epoch, whose target the next heartbeat computes.</summary>
    private void Remove(ConsumerMember member)
    {
        Forget(member);
        long hash = _subscriptions.Look(_members.Values);
        _metadataHash = hash;
        Epoch++;
        Journal.Group();
        if (_members.Count == 0)
        {
            TargetEpoch = Epoch;
            Journal.TargetEpoch();
        }
    }

    private void Forget(ConsumerMember member)
    {
        _owners.Remove(member);
        _members.Remove(member.Id);
        Bytes -= member.Bytes;
        if (member.InstanceId is not null && _idsByInstance.GetValueOrDefault(member.InstanceId) == member.Id)
        {
            _idsByInstance.Remove(member.InstanceId);
        }

        Journal.AllOf(member.Id);
    }
}
