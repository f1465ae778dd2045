using System.Collections.Immutable;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>
/// Members of the group that speak the classic protocol still: generations are epochs, a rebalance is one step nearer to the target, and
/// nobody leads. How such members come with a classic group, and go back to one.
/// </summary>
internal sealed partial class ConsumerGroupState
{
    /// <summary>Nobody speaks the consumer protocol any more: the group may be a classic one again.</summary>
    public bool IsAllClassic => _members.Count > 0 && _members.Values.All(static member => member.Classic is not null);

    /// <summary>
    /// Takes the members of a classic group over, each with what it has: all are in the epoch that was the group's generation. False, and
    /// nothing taken, when one does not say what it subscribes to.
    /// </summary>
    public bool TryTakeOver(int generation, IReadOnlyList<ClassicMemberExport> members, string? protocolName, long nowMs)
    {
        foreach (ClassicMemberExport export in members)
        {
            GroupProtocol protocol = export.Protocols.FirstOrDefault(protocol => protocol.Name == protocolName, export.Protocols[0]);
            if (EmbeddedProtocol.Subscription(protocol.Metadata) is not { } subscription)
            {
                return false;
            }

            ConsumerMember member = new(export.MemberId)
            {
                InstanceId = export.InstanceId,
                RackId = subscription.RackId,
                ClientId = export.ClientId,
                ClientHost = export.ClientHost,
                RebalanceTimeoutMs = export.RebalanceTimeoutMs,
                TopicNames = subscription.Topics.ToImmutableSortedSet(StringComparer.Ordinal),
                Classic = new ClassicMembership(export.SessionTimeoutMs, export.Protocols),
                Epoch = generation,
                PreviousEpoch = generation,
                SessionDeadlineMs = nowMs + Math.Max(export.SessionTimeoutMs, 1),
            };
            member.Assigned = EmbeddedProtocol.Assigned(export.Assignment, _topics)
                .Where(partition => _owners.IsFreeFor(partition, member.Id))
                .ToImmutableSortedDictionary(static partition => partition, _ => generation);
            member.Target = [.. member.Assigned.Keys];
            Add(member);
        }

        Epoch = generation;
        TargetEpoch = generation;
        _metadataHash = _subscriptions.Look(_members.Values);
        Journal.Everything(_members.Keys);
        return true;
    }

    /// <summary>The members as a classic group takes them.</summary>
    public IReadOnlyList<ClassicMemberExport> Exports() =>
    [
        .. _members.Values.Where(static member => member.Classic is not null).Select(member => new ClassicMemberExport(
            member.Id, member.InstanceId, member.ClientId, member.ClientHost, member.RebalanceTimeoutMs, member.Classic!.SessionTimeoutMs,
            member.Classic.Protocols, AssignmentBytes(member))),
    ];

    public JoinResult Join(JoinCall call, Func<Guid> newGuid, long nowMs)
    {
        ConsumerProtocolSubscription? subscription = call.Protocols.Count == 0 ? null : EmbeddedProtocol.Subscription(call.Protocols[0].Metadata);
        if (call.SessionTimeoutMs < _options.SessionTimeoutMinMs || call.SessionTimeoutMs > _options.SessionTimeoutMaxMs)
        {
            return new JoinResult(KafkaError.InvalidSessionTimeout, call.MemberId);
        }

        if (call.ProtocolType != ConsumerSubscription.ProtocolType || subscription is null || !SharesAProtocol(call))
        {
            return new JoinResult(KafkaError.InconsistentGroupProtocol, call.MemberId);
        }

        ConsumerMember? holder = call.InstanceId is null ? null : FindStatic(call.InstanceId);
        if (holder is not null && call.MemberId.Length > 0 && holder.Id != call.MemberId)
        {
            return new JoinResult(KafkaError.FencedInstanceId, call.MemberId);
        }

        if (call.InstanceId is not null && holder is null && call.MemberId.Length > 0)
        {
            return new JoinResult(KafkaError.UnknownMemberId, call.MemberId);
        }

        if (holder is null && Find(call.MemberId) is null && _members.Count >= _options.MembersMax)
        {
            return new JoinResult(KafkaError.GroupMaxSizeReached, "");
        }

        string memberId = call.MemberId.Length > 0 ? call.MemberId : $"{call.InstanceId ?? call.ClientId}-{newGuid():D}";
        if (call.MemberId.Length == 0 && call.InstanceId is null && call.RequireKnownMemberId)
        {
            return new JoinResult(KafkaError.MemberIdRequired, memberId);
        }

        ConsumerMember member = Admit(memberId, call.InstanceId);
        Update(member, call, subscription);
        Advance();
        Reconcile(member, OwnedBy(subscription), nowMs);
        member.SessionDeadlineMs = nowMs + call.SessionTimeoutMs;
        member.RebalanceDeadlineMs = nowMs + Math.Max(member.RebalanceTimeoutMs, 1);
        return new JoinResult(
            KafkaError.None, member.Id, member.Epoch, ConsumerSubscription.ProtocolType, call.Protocols[0].Name);
    }

    public SyncResult Sync(SyncCall call, long nowMs)
    {
        KafkaError error = CheckClassic(call.MemberId, call.InstanceId, call.Generation);
        if (error != KafkaError.None)
        {
            return new SyncResult(error);
        }

        ConsumerMember member = _members[call.MemberId];
        string protocol = member.Classic!.Protocols[0].Name;
        bool agrees = (call.ProtocolType is null || call.ProtocolType == ConsumerSubscription.ProtocolType)
            && (call.ProtocolName is null || call.ProtocolName == protocol);
        if (!agrees)
        {
            return new SyncResult(KafkaError.InconsistentGroupProtocol);
        }

        member.SessionDeadlineMs = nowMs + member.Classic.SessionTimeoutMs;
        if (Epoch > member.Epoch && member.State != MemberState.UnrevokedPartitions)
        {
            return new SyncResult(KafkaError.RebalanceInProgress);
        }

        if (member.State != MemberState.UnrevokedPartitions)
        {
            member.RebalanceDeadlineMs = ConsumerMember.Never;
        }

        return new SyncResult(KafkaError.None, ConsumerSubscription.ProtocolType, protocol) { Assignment = AssignmentBytes(member) };
    }

    /// <summary>Tells a member to join again as long as there is a step that it can take.</summary>
    public KafkaError HeartbeatClassic(string memberId, string? instanceId, int generation, long nowMs)
    {
        KafkaError error = CheckClassic(memberId, instanceId, generation);
        if (error != KafkaError.None)
        {
            return error;
        }

        ConsumerMember member = _members[memberId];
        member.SessionDeadlineMs = nowMs + member.Classic!.SessionTimeoutMs;
        Advance();
        if (!Reconciler.IsDue(member, TargetEpoch, partition => _owners.IsFreeFor(partition, member.Id)))
        {
            return KafkaError.None;
        }

        if (member.RebalanceDeadlineMs == ConsumerMember.Never)
        {
            member.RebalanceDeadlineMs = nowMs + Math.Max(member.RebalanceTimeoutMs, 1);
        }

        return KafkaError.RebalanceInProgress;
    }

    /// <summary>One result per member, in order. Administrators remove members of either protocol by this call.</summary>
    public IReadOnlyList<KafkaError> Leave(IReadOnlyList<LeavingMember> leaving)
    {
        KafkaError[] results = new KafkaError[leaving.Count];
        for (int index = 0; index < leaving.Count; index++)
        {
            string memberId = leaving[index].MemberId;
            if (memberId.Length == 0 && leaving[index].InstanceId is { } instance)
            {
                memberId = FindStatic(instance)?.Id ?? "";
            }

            results[index] = CheckMember(memberId, leaving[index].InstanceId);
            if (results[index] == KafkaError.None)
            {
                Remove(_members[memberId]);
            }
        }

        return results;
    }

    private KafkaError CheckClassic(string memberId, string? instanceId, int generation)
    {
        KafkaError error = CheckMember(memberId, instanceId);
        if (error != KafkaError.None)
        {
            return error;
        }

        ConsumerMember member = _members[memberId];
        return member.Classic is null ? KafkaError.UnknownMemberId
            : member.Epoch == generation ? KafkaError.None : KafkaError.IllegalGeneration;
    }

    /// <summary>All that speak the classic protocol must be able to go on with one protocol should the others leave.</summary>
    private bool SharesAProtocol(JoinCall call)
    {
        ConsumerMember[] others = [.. _members.Values.Where(member => member.Classic is not null && member.Id != call.MemberId)];
        return call.Protocols.Any(offer =>
            others.All(member => member.Classic!.Protocols.Any(protocol => protocol.Name == offer.Name)));
    }

    private void Update(ConsumerMember member, JoinCall call, ConsumerProtocolSubscription subscription)
    {
        Bytes -= member.Bytes;
        var names = subscription.Topics.ToImmutableSortedSet(StringComparer.Ordinal);
        _subscriptionsChanged |= !names.SetEquals(member.TopicNames) || member.TopicRegex is not null;
        member.TopicNames = names;
        member.TopicRegex = null;
        member.MatchedTopics = member.MatchedTopics.Clear();
        member.ServerAssignor = null;
        member.RackId = subscription.RackId;
        member.ClientId = call.ClientId;
        member.ClientHost = call.ClientHost;
        member.RebalanceTimeoutMs = call.RebalanceTimeoutMs;

        // Copied: the caller's bytes are slices of a request buffer that goes back to its pool.
        member.Classic = new ClassicMembership(
            call.SessionTimeoutMs,
            [.. call.Protocols.Select(static protocol => protocol with { Metadata = protocol.Metadata.ToArray() })]);
        Bytes += member.Bytes;
        Journal.Member(member.Id);
    }

    /// <summary>Who does not say what it has, gives everything up before it joins.</summary>
    private List<TopicIdPartition> OwnedBy(ConsumerProtocolSubscription subscription) =>
    [
        .. subscription.OwnedPartitions
            .Where(topic => _topics.Find(topic.Topic) is not null)
            .SelectMany(static topic => topic.Partitions, (topic, index) => new TopicIdPartition(_topics.Find(topic.Topic)!.Value.Id, index)),
    ];

    private byte[] AssignmentBytes(ConsumerMember member) =>
        EmbeddedProtocol.Assignment(member.Assigned.Keys, member.Classic!.Protocols[0].Metadata, _topics);
}
