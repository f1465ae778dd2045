using System.Collections.Immutable;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Groups.Share;

/// <summary>A heartbeat of a member of a share group; what is null has not changed since the last one.</summary>
internal sealed record ShareHeartbeatCall(
    string MemberId, int Epoch, string? RackId, IReadOnlyList<string>? TopicNames, string ClientId, string ClientHost, int SessionTimeoutMs);

/// <summary>
/// The members of one share group (KIP-932) and which partitions they consume together, as a deterministic state machine. Nothing has to be
/// given up before another gets it, so a member has its target at once.
/// </summary>
/// <remarks>Owner: one GroupLoop, under its lock; see <see cref="ConsumerGroupState"/>. Epochs never go back.</remarks>
internal sealed class ShareGroupState(string groupId, GroupOptions options, ITopicImage topics) : IManagedGroup
{
    private readonly OrderedDictionary<string, ConsumerMember> _members = new(StringComparer.Ordinal);
    private readonly Subscriptions _subscriptions = new(topics);
    private bool _subscriptionsChanged;
    private bool _hasTarget;

    public string GroupId => groupId;

    public string Type => GroupTypes.Share;

    public string ProtocolType => GroupTypes.Share;

    public string StateName => _members.Count == 0 ? "Empty" : "Stable";

    public ConsumerJournal Journal { get; } = new();

    public int Epoch { get; private set; }

    public long MetadataHash { get; private set; }

    public int MemberCount => _members.Count;

    public IEnumerable<ConsumerMember> Members => _members.Values;

    public long Bytes => _members.Values.Sum(static member => member.Bytes);

    public long NextDeadlineMs =>
        _members.Count == 0 ? ConsumerMember.Never : _members.Values.Min(static member => member.SessionDeadlineMs);

    public ConsumerMember? Find(string memberId) => _members.GetValueOrDefault(memberId);

    public ConsumerHeartbeatResult Heartbeat(ShareHeartbeatCall call, long nowMs)
    {
        ConsumerMember? member = Find(call.MemberId);
        if (call.Epoch == ConsumerEpochs.Leave)
        {
            if (member is null)
            {
                return Unknown(call);
            }

            Remove(member);
            return new ConsumerHeartbeatResult(KafkaError.None, null, call.MemberId, ConsumerEpochs.Leave, null);
        }

        if (call.Epoch > 0)
        {
            if (member is null)
            {
                return Unknown(call);
            }

            if (call.Epoch != member.Epoch && call.Epoch != member.PreviousEpoch)
            {
                return ConsumerHeartbeatResult.Refused(
                    KafkaError.FencedMemberEpoch, $"The share group member has epoch {call.Epoch}, but the coordinator knows epoch {member.Epoch}.");
            }
        }
        else if (member is null && _members.Count >= options.ShareMembersMax)
        {
            return ConsumerHeartbeatResult.Refused(KafkaError.GroupMaxSizeReached, $"Group {groupId} has its {options.ShareMembersMax} members.");
        }

        member ??= Add(call.MemberId);
        Update(member, call);
        Advance();
        bool changes = call.Epoch == ConsumerEpochs.Join || !member.Target.SetEquals(member.Assigned.Keys);
        if (member.Epoch != Epoch)
        {
            member.PreviousEpoch = member.Epoch;
            member.Epoch = Epoch;
            member.Assigned = member.Target.ToImmutableSortedDictionary(static partition => partition, _ => Epoch);
            Journal.Assignment(member.Id);
        }

        member.SessionDeadlineMs = nowMs + call.SessionTimeoutMs;
        return new ConsumerHeartbeatResult(KafkaError.None, null, member.Id, member.Epoch, changes ? [.. member.Assigned.Keys] : null);
    }

    public void Tick(long nowMs)
    {
        foreach (ConsumerMember member in _members.Values.Where(member => member.SessionDeadlineMs <= nowMs).ToArray())
        {
            Remove(member);
        }
    }

    public ConsumerGroupDescription Describe() => new(
        StateName, Epoch, Epoch, ShareAssignor.Name,
        [.. _members.Values.Select(static member => new ConsumerMemberDescription(
            member.Id, null, member.RackId, member.Epoch, member.ClientId, member.ClientHost, [.. member.TopicNames], null,
            [.. member.Assigned.Keys], [.. member.Target], false))]);

    public IReadOnlyList<GroupLogRecord> Records(ConsumerJournal journal) => ShareGroupLog.Records(this, journal);

    public IReadOnlyList<GroupLogRecord> Tombstones(Committer? by) => ShareGroupLog.Tombstones(this, by);

    /// <summary>Takes over what was stored; the sessions of the members start now. To be called first, once.</summary>
    public void Restore(LoadedShareGroup stored, long nowMs)
    {
        Epoch = Math.Max(
            stored.Epoch ?? 0, stored.Assignments.Values.Select(static assignment => assignment.MemberEpoch).DefaultIfEmpty(0).Max());
        MetadataHash = stored.MetadataHash;
        foreach ((string id, ShareGroupMemberMetadataValue value) in stored.Members)
        {
            ConsumerMember member = new(id)
            {
                RackId = value.RackId,
                ClientId = value.ClientId,
                ClientHost = value.ClientHost,
                TopicNames = value.SubscribedTopicNames.ToImmutableSortedSet(StringComparer.Ordinal),
                SessionDeadlineMs = nowMs + options.ShareSessionTimeoutMs,
            };
            if (stored.Assignments.TryGetValue(id, out ShareGroupCurrentMemberAssignmentValue? current))
            {
                member.Epoch = current.MemberEpoch;
                member.PreviousEpoch = current.PreviousMemberEpoch;
                member.Assigned = current.AssignedPartitions
                    .SelectMany(static topic => topic.Partitions, static (topic, index) => new TopicIdPartition(topic.TopicId, index))
                    .Distinct()
                    .ToImmutableSortedDictionary(static partition => partition, _ => current.MemberEpoch);
            }

            _members.Add(id, member);
        }
    }

    private static ConsumerHeartbeatResult Unknown(ShareHeartbeatCall call) =>
        ConsumerHeartbeatResult.Refused(KafkaError.UnknownMemberId, $"Member {call.MemberId} is not a member of the group.");

    private ConsumerMember Add(string memberId)
    {
        ConsumerMember member = new(memberId);
        _members.Add(memberId, member);
        Journal.Member(memberId);
        Journal.Assignment(memberId);
        _subscriptionsChanged = true;
        return member;
    }

    private void Update(ConsumerMember member, ShareHeartbeatCall call)
    {
        bool subscribes = call.TopicNames is not null && !member.TopicNames.SetEquals(call.TopicNames);
        bool changes = subscribes || member.ClientId != call.ClientId || member.ClientHost != call.ClientHost
            || (call.RackId is not null && call.RackId != member.RackId);
        if (!changes)
        {
            return;
        }

        if (subscribes)
        {
            member.TopicNames = call.TopicNames!.ToImmutableSortedSet(StringComparer.Ordinal);
            _subscriptionsChanged = true;
        }

        member.ClientId = call.ClientId;
        member.ClientHost = call.ClientHost;
        member.RackId = call.RackId ?? member.RackId;
        Journal.Member(member.Id);
    }

    private void Advance()
    {
        if (_subscriptionsChanged || _subscriptions.IsStale)
        {
            long hash = _subscriptions.Look(_members.Values);
            if (_subscriptionsChanged || hash != MetadataHash)
            {
                MetadataHash = hash;
                Epoch++;
                _hasTarget = false;
                Journal.Group();
            }

            _subscriptionsChanged = false;
        }

        if (_hasTarget)
        {
            return;
        }

        ImmutableSortedSet<TopicIdPartition>[] targets = ShareAssignor.Assign([.. _members.Values.Select(_subscriptions.Of)]);
        for (int index = 0; index < targets.Length; index++)
        {
            _members.GetAt(index).Value.Target = targets[index];
        }

        _hasTarget = true;
    }

    private void Remove(ConsumerMember member)
    {
        _members.Remove(member.Id);
        Journal.Member(member.Id);
        Journal.Assignment(member.Id);
        Journal.Group();
        MetadataHash = _subscriptions.Look(_members.Values);
        Epoch++;
        _hasTarget = false;
    }
}
