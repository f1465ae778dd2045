using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Groups.Share;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>Who commits offsets, as the request says.</summary>
/// <param name="Epoch">Generation or member epoch; -1 of a simple consumer or an administrator.</param>
/// <param name="KnowsEpochs">OffsetCommit v9+: the client can be told that its epoch is stale.</param>
internal readonly record struct CommitIdentity(string MemberId, string? InstanceId, int Epoch, bool KnowsEpochs = true);

/// <summary>A group while its members speak the consumer protocol (KIP-848), and how it comes to be one and ceases to.</summary>
internal sealed partial class GroupLoop
{
    /// <summary>Not null while the coordinator assigns the partitions of the group: the classic state is empty then.</summary>
    private IManagedGroup? _managed;

    private ConsumerGroupState? Consumer => _managed as ConsumerGroupState;

    /// <summary>The last write of the group's state: an answer that tells of a state waits until it is durable.</summary>
    private Task<KafkaError> _journaled = Task.FromResult(KafkaError.None);

    public ListedGroup Listed
    {
        get
        {
            lock (_gate)
            {
                return _managed is { } managed
                    ? new ListedGroup(GroupId, managed.ProtocolType, managed.StateName, managed.Type)
                    : new ListedGroup(GroupId, _state.ProtocolType ?? "", _state.Phase.ToString(), GroupTypes.Classic);
            }
        }
    }

    private long NextDeadlineMs => _managed?.NextDeadlineMs ?? _state.NextDeadlineMs;

    public async Task<ConsumerHeartbeatResult> ConsumerHeartbeatAsync(ConsumerHeartbeatCall call)
    {
        ConsumerHeartbeatResult result;
        Task<KafkaError> journaled;
        lock (_gate)
        {
            if (_hasMoved)
            {
                return ConsumerHeartbeatResult.Refused(KafkaError.NotCoordinator);
            }

            long nowMs = Advance();
            if (_managed is ShareGroupState)
            {
                return ConsumerHeartbeatResult.Refused(KafkaError.GroupIdNotFound, $"Group {GroupId} is a share group.");
            }

            if (Consumer is null && BecomeConsumer(call, nowMs) is { } refused)
            {
                return refused;
            }

            result = Consumer!.Heartbeat(call, nowMs);
            Settle(nowMs);
            journaled = _journaled;
        }

        KafkaError error = await journaled;
        return error == KafkaError.None ? result : ConsumerHeartbeatResult.Refused(GroupErrors.OfStore(error));
    }

    public async Task<ConsumerHeartbeatResult> ShareHeartbeatAsync(ShareHeartbeatCall call)
    {
        ConsumerHeartbeatResult result;
        Task<KafkaError> journaled;
        lock (_gate)
        {
            if (_hasMoved)
            {
                return ConsumerHeartbeatResult.Refused(KafkaError.NotCoordinator);
            }

            long nowMs = Advance();
            bool isNew = _managed is null && _state.Generation == 0 && _state.Phase == GroupPhase.Empty && _offsets.Count == 0
                && !_offsets.HasPending && _state.PendingMemberCount == 0;
            if (isNew && call.Epoch == ConsumerEpochs.Join)
            {
                _managed = new ShareGroupState(GroupId, _services.Options, _services.Topics);
            }

            if (_managed is not ShareGroupState share)
            {
                return ConsumerHeartbeatResult.Refused(KafkaError.GroupIdNotFound, $"Group {GroupId} is not a share group.");
            }

            result = share.Heartbeat(call, nowMs);
            Settle(nowMs);
            journaled = _journaled;
        }

        KafkaError error = await journaled;
        return error == KafkaError.None ? result : ConsumerHeartbeatResult.Refused(GroupErrors.OfStore(error));
    }

    /// <summary>Null when it is no share group.</summary>
    public ConsumerGroupDescription? DescribeShare()
    {
        lock (_gate)
        {
            return (_managed as ShareGroupState)?.Describe();
        }
    }

    /// <summary>Null when it is no group of the consumer protocol.
    public ConsumerGroupDescription? DescribeConsumer()
    {
        lock (_gate)
        {
            return Consumer?.Describe();
        }
    }

    private KafkaError CheckCommit(CommitIdentity from, IReadOnlyList<OffsetCommitEntry> entries, long nowMs) =>
        _managed is ShareGroupState ? KafkaError.GroupIdNotFound
        : Consumer is { } consumer
        ? consumer.CheckCommit(from.MemberId, from.InstanceId, from.Epoch, entries.Select(static entry => entry.Partition), from.KnowsEpochs)
        : _state.CheckCommit(from.MemberId, from.InstanceId, from.Epoch, nowMs);

    private ConsumerGroupState NewConsumer(int firstEpoch) => new(GroupId, _services.Options, _services.Topics, firstEpoch);

    private ConsumerGroupState RestoredConsumer(LoadedConsumerGroup loaded, long nowMs)
    {
        ConsumerGroupState consumer = NewConsumer(0);
        consumer.Restore(loaded, nowMs);
        return consumer;
    }

    private void Tick(long nowMs)
    {
        if (_managed is { } managed)
        {
            managed.Tick(nowMs);
        }
        else
        {
            _state.Tick(nowMs);
        }
    }

    /// <summary>Under the lock: writes what has changed of the group's state since it was last written.</summary>
    private void Journal()
    {
        if (_hasMoved || _managed is not { } managed || (managed.Journal.IsEmpty && _leading.Count == 0))
        {
            return;
        }

        ConsumerJournal taken = managed.Journal.Take();
        List<GroupLogRecord> leading = _leading;
        _leading = [];
        GroupLogRecord[] records = [.. leading, .. managed.Records(taken)];
        _journaled = JournalAsync(managed, taken, leading, _services.Log.AppendAsync(Home.Partition, Home.Term, records));
    }

    private async Task<KafkaError> JournalAsync(
        IManagedGroup managed, ConsumerJournal taken, List<GroupLogRecord> leading, Task<KafkaError> append)
    {
        KafkaError error = await EndOf(append);
        if (error != KafkaError.None)
        {
            lock (_gate)
            {
                managed.Journal.Add(taken);
                if (ReferenceEquals(managed, _managed))
                {
                    _leading.InsertRange(0, leading);
                }
            }
        }

        return error;
    }
}
