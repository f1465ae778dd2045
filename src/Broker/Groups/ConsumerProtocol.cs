using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>Who commits offsets, as the request says.</summary>
/// <param name="Epoch">Generation or member epoch; -1 of a simple consumer or an administrator.</param>
/// <param name="KnowsEpochs">OffsetCommit v9+: the client can be told that its epoch is stale.</param>
internal readonly record struct CommitIdentity(string MemberId, string? InstanceId, int Epoch, bool KnowsEpochs = true);

/// <summary>A group while its members speak the consumer protocol (KIP-848), and how it comes to be one and ceases to.</summary>
internal sealed partial class GroupLoop
{
    /// <summary>Not null while the group is of the consumer protocol: the classic state is empty then.</summary>
    private ConsumerGroupState? _consumer;

    /// <summary>The last write of the group's state: an answer that tells of a state waits until it is durable.</summary>
    private Task<KafkaError> _journaled = Task.FromResult(KafkaError.None);

    public ListedGroup Listed
    {
        get
        {
            lock (_gate)
            {
                return _consumer is { } consumer
                    ? new ListedGroup(GroupId, ConsumerSubscription.ProtocolType, consumer.StateName, GroupTypes.Consumer)
                    : new ListedGroup(GroupId, _state.ProtocolType ?? "", _state.Phase.ToString(), GroupTypes.Classic);
            }
        }
    }

    private long NextDeadlineMs => _consumer?.NextDeadlineMs ?? _state.NextDeadlineMs;

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
            if (_consumer is null && BecomeConsumer(call, nowMs) is { } refused)
            {
                return refused;
            }

            result = _consumer!.Heartbeat(call, nowMs);
            Settle(nowMs);
            journaled = _journaled;
        }

        KafkaError error = await journaled;
        return error == KafkaError.None ? result : ConsumerHeartbeatResult.Refused(GroupErrors.OfStore(error));
    }

    /// <summary>Null when it is no group of the consumer protocol.</summary>
    public ConsumerGroupDescription? DescribeConsumer()
    {
        lock (_gate)
        {
            return _consumer?.Describe();
        }
    }

    private KafkaError CheckCommit(CommitIdentity from, IReadOnlyList<OffsetCommitEntry> entries, long nowMs) => _consumer is { } consumer
        ? consumer.CheckCommit(from.MemberId, from.InstanceId, from.Epoch, entries.Select(static entry => entry.Partition), from.KnowsEpochs)
        : _state.CheckCommit(from.MemberId, from.InstanceId, from.Epoch, nowMs);

    private ConsumerGroupState NewConsumer(int firstEpoch) => new(GroupId, _services.Options, _services.Topics, firstEpoch);

    private void Tick(long nowMs)
    {
        if (_consumer is { } consumer)
        {
            consumer.Tick(nowMs);
        }
        else
        {
            _state.Tick(nowMs);
        }
    }

    /// <summary>Under the lock: writes what has changed of the group's state since it was last written.</summary>
    private void Journal()
    {
        if (_hasMoved || _consumer is not { } consumer || (consumer.Journal.IsEmpty && _leading.Count == 0))
        {
            return;
        }

        ConsumerJournal taken = consumer.Journal.Take();
        List<GroupLogRecord> leading = _leading;
        _leading = [];
        GroupLogRecord[] records = [.. leading, .. ConsumerGroupLog.Records(consumer, taken)];
        _journaled = JournalAsync(consumer, taken, leading, _services.Log.AppendAsync(Home.Partition, Home.Term, records));
    }

    private async Task<KafkaError> JournalAsync(
        ConsumerGroupState consumer, ConsumerJournal taken, List<GroupLogRecord> leading, Task<KafkaError> append)
    {
        KafkaError error = await EndOf(append);
        if (error != KafkaError.None)
        {
            lock (_gate)
            {
                consumer.Journal.Add(taken);
                if (ReferenceEquals(consumer, _consumer))
                {
                    _leading.InsertRange(0, leading);
                }
            }
        }

        return error;
    }
}
