using System.Collections.Immutable;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Groups.Share;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>What a group loses: offsets that expired or whose topic is gone, and itself.</summary>
internal sealed partial class GroupLoop
{
    /// <summary>Deletes an empty group and its offsets, durably.</summary>
    public async Task<KafkaError> DeleteAsync(Committer by)
    {
        GroupSnapshot before;
        Task<KafkaError> append;
        lock (_gate)
        {
            if (_hasMoved)
            {
                return KafkaError.NotCoordinator;
            }

            long nowMs = Advance();
            Settle(nowMs);
            before = EmptySnapshot();
            KafkaError refused = _managed is { MemberCount: > 0 } ? KafkaError.NonEmptyGroup : _state.Delete(nowMs);
            if (refused != KafkaError.None)
            {
                return refused;
            }

            append = Bury(_offsets.PartitionsWithPending, by);
        }

        return await BuriedAsync(append, before);
    }

    /// <summary>
    /// Deletes offsets past their retention, and the group when it is empty and has none left. True when it is gone.
    /// </summary>
    public Task<bool> ExpireAsync()
    {
        lock (_gate)
        {
            if (_hasMoved)
            {
                return Task.FromResult(false);
            }

            long nowMs = Advance();
            Settle(nowMs);
            long retentionMs = _services.Options.OffsetsRetentionMs;
            if (_managed is ShareGroupState)
            {
                // It has no offsets here, and stays until somebody deletes it.
                return Task.FromResult(false);
            }

            ImmutableArray<GroupPartition> expired = Consumer is null
                ? _offsets.Expired(_state, retentionMs, nowMs)
                : _offsets.Expired(Consumer.SubscribedTopics, null, retentionMs, nowMs);
            return ForgetOffsetsAsync(expired, null, nowMs);
        }
    }

    /// <summary>
    /// Deletes the offsets of topics that no member subscribes to (KIP-496); of a classic group that is no consumer group nobody knows that,
    /// so it must be empty.
    /// </summary>
    public async Task<(KafkaError Error, IReadOnlySet<string> Subscribed)> DeleteOffsetsAsync(
        IReadOnlyList<GroupPartition> partitions, Committer by)
    {
        ImmutableHashSet<string> subscribed = ImmutableHashSet<string>.Empty;
        Task<KafkaError> append;
        lock (_gate)
        {
            if (_hasMoved)
            {
                return (KafkaError.NotCoordinator, subscribed);
            }

            long nowMs = Advance();
            Settle(nowMs);
            if (Consumer is not null)
            {
                subscribed = Consumer.SubscribedTopics;
            }
            else if (_state.Phase == GroupPhase.Dead)
            {
                return (KafkaError.GroupIdNotFound, subscribed);
            }
            else if (_state.Phase != GroupPhase.Empty)
            {
                if (_state.ProtocolType != ConsumerSubscription.ProtocolType || _state.SubscribedTopics is null)
                {
                    return (KafkaError.NonEmptyGroup, subscribed);
                }

                subscribed = _state.SubscribedTopics;
            }

            GroupPartition[] forgotten =
            [
                .. partitions.Where(partition => !subscribed.Contains(partition.Topic)).Intersect(_offsets.PartitionsWithPending),
            ];
            if (forgotten.Length == 0)
            {
                return (KafkaError.None, subscribed);
            }

            List<GroupLogRecord> tombstones = Tombstones(forgotten, by);
            _offsets.Forget(forgotten);
            Account();
            append = _services.Log.AppendAsync(Home.Partition, Home.Term, tombstones);
        }

        return (GroupErrors.OfStore(await EndOf(append)), subscribed);
    }

    /// <summary>A topic is gone, and so are its offsets.</summary>
    public Task<bool> TopicDeletedAsync(string topic)
    {
        lock (_gate)
        {
            if (_hasMoved)
            {
                return Task.FromResult(false);
            }

            long nowMs = Advance();
            Settle(nowMs);
            return ForgetOffsetsAsync([.. _offsets.PartitionsWithPending.Where(partition => partition.Topic == topic)], null, nowMs);
        }
    }

    /// <summary>Under the lock.</summary>
    private Task<bool> ForgetOffsetsAsync(ImmutableArray<GroupPartition> forgotten, Committer? by, long nowMs)
    {
        GroupSnapshot before = EmptySnapshot();
        bool dies = _managed is not ({ MemberCount: > 0 } or ShareGroupState) && _state.Phase == GroupPhase.Empty && _state.PendingMemberCount == 0
            && forgotten.Length == _offsets.Count && !_offsets.HasPending;
        if (dies)
        {
            _state.Delete(nowMs);
            return IsGoneAsync(BuriedAsync(Bury(forgotten, by), before));
        }

        return forgotten.IsEmpty ? Task.FromResult(false) : ForgottenAsync(forgotten, Tombstones(forgotten, by));
    }

    private static async Task<bool> IsGoneAsync(Task<KafkaError> buried) => await buried == KafkaError.None;

    private async Task<bool> ForgottenAsync(ImmutableArray<GroupPartition> forgotten, List<GroupLogRecord> tombstones)
    {
        // Gone from memory first: nobody may fetch an offset whose deletion is on its way. If that fails, the next start
        // sees the offsets again, and expires them again.
        _offsets.Forget(forgotten);
        Account();
        await EndOf(_services.Log.AppendAsync(Home.Partition, Home.Term, tombstones));
        return false;
    }

    /// <summary>Under the lock, the group dead.</summary>
    private Task<KafkaError> Bury(IEnumerable<GroupPartition> partitions, Committer? by)
    {
        List<GroupLogRecord> tombstones = Tombstones(partitions, by);
        if (_managed is not null)
        {
            tombstones.AddRange(_managed.Tombstones(by));
        }
        else if (_state.Generation > 0)
        {
            tombstones.Add(GroupLogCodec.Group(GroupId, null, by));
        }

        return tombstones.Count == 0 ? Task.FromResult(KafkaError.None) : _services.Log.AppendAsync(Home.Partition, Home.Term, tombstones);
    }

    private async Task<KafkaError> BuriedAsync(Task<KafkaError> append, GroupSnapshot before)
    {
        KafkaError error = await EndOf(append);
        if (error != KafkaError.None)
        {
            // What was not deleted is still there, for everybody who asks.
            lock (_gate)
            {
                if (!_hasMoved)
                {
                    _state = NewState(before);
                    Settle(_services.Clock.NowMs);
                }
            }
        }

        return GroupErrors.OfStore(error);
    }

    private List<GroupLogRecord> Tombstones(IEnumerable<GroupPartition> partitions, Committer? by) =>
        [.. partitions.Select(partition => GroupLogCodec.Offset(GroupId, partition, null, by))];
}
