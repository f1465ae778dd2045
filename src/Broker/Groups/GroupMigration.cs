using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>
/// A group goes from the classic protocol to the consumer protocol with the first member that speaks it, and back with the last that leaves,
/// while its members work on. Generations and epochs are one series.
/// </summary>
internal sealed partial class GroupLoop
{
    /// <summary>Records that must be in one batch with the next ones of the consumer group.</summary>
    private List<GroupLogRecord> _leading = [];

    /// <summary>Under the lock. Makes the group one of the consumer protocol, or says why it can't be.</summary>
    private ConsumerHeartbeatResult? BecomeConsumer(ConsumerHeartbeatCall call, long nowMs)
    {
        if (_state.Phase == GroupPhase.Dead)
        {
            return ConsumerHeartbeatResult.Refused(KafkaError.CoordinatorNotAvailable);
        }

        if (call.Epoch != ConsumerEpochs.Join)
        {
            return ConsumerHeartbeatResult.Refused(KafkaError.UnknownMemberId, $"Group {GroupId} is not a consumer group.");
        }

        int generation = _state.Generation;
        ConsumerGroupState consumer;
        if (_state.MemberCount == 0)
        {
            consumer = NewConsumer(generation);
        }
        else
        {
            consumer = NewConsumer(0);
            bool isTaken = _state.ProtocolType == ConsumerSubscription.ProtocolType
                && consumer.TryTakeOver(generation, _state.Exports(), _state.ProtocolName, nowMs);
            if (!isTaken)
            {
                return ConsumerHeartbeatResult.Refused(
                    KafkaError.GroupIdNotFound, $"Group {GroupId} is a classic group whose members are no consumers: let them leave first.");
            }
        }

        (KafkaError error, string? message) = consumer.Refusal(call);
        if (error != KafkaError.None)
        {
            return ConsumerHeartbeatResult.Refused(error, message);
        }

        if (generation > 0)
        {
            _leading.Add(GroupLogCodec.Group(GroupId, null));
        }

        _state.SendAway(KafkaError.RebalanceInProgress);
        Dispatch();
        _state = NewState(null);
        _managed = consumer;
        return null;
    }

    /// <summary>Under the lock. When only members of the classic protocol are left, or none and one joins.</summary>
    private void BecomeClassic(ConsumerGroupState consumer, long nowMs)
    {
        GroupState state = NewState(null);
        GroupSnapshot snapshot = state.TakeOver(consumer.Epoch, consumer.Exports(), nowMs);
        List<GroupLogRecord> records = [.. _leading, .. ConsumerGroupLog.Tombstones(consumer, consumer.Journal.Members)];
        records.Add(GroupLogCodec.Group(GroupId, snapshot));
        _leading = [];
        _journaled = EndOf(_services.Log.AppendAsync(Home.Partition, Home.Term, records));
        _managed = null;
        _state = state;
        _generationLogged = Math.Max(_generationLogged, consumer.Epoch);
    }

    /// <summary>Under the lock, at the end of every change.</summary>
    private void BecomeClassicIfAllAre(long nowMs)
    {
        if (Consumer is { IsAllClassic: true } consumer)
        {
            BecomeClassic(consumer, nowMs);
        }
    }

    private static async Task<JoinResult> AnsweredAsync(JoinResult result, Task<KafkaError> journaled)
    {
        KafkaError error = await journaled;
        return error == KafkaError.None ? result : new JoinResult(GroupErrors.OfStore(error), result.MemberId);
    }

    private static async Task<SyncResult> AnsweredAsync(SyncResult result, Task<KafkaError> journaled)
    {
        KafkaError error = await journaled;
        return error == KafkaError.None ? result : new SyncResult(GroupErrors.OfStore(error));
    }
}
