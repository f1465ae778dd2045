using System.Buffers.Binary;
using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Shares;

/// <summary>
/// States of share partitions in the internal topic <c>__share_group_state</c>, in Kafka's format: a whole snapshot for every change, so that
/// compaction by key leaves what holds. All partitions of a group are kept in one partition of the topic.
/// </summary>
/// <remarks>
/// Owner: the group module. Any thread. What a partition says is read when it is first asked for under a term of this broker, and kept in
/// memory; a write that fails makes it be read anew.
/// </remarks>
internal sealed class ShareStateLog(IOffsetsLog log) : IShareStates, IDisposable
{
    public const string TopicName = "__share_group_state";

    private const short SnapshotKeyVersion = 0;
    private const short ValueVersion = 0;

    private readonly SemaphoreSlim _gate = new(1);
    private readonly Dictionary<int, Slot> _slots = [];

    public async Task<(KafkaError Error, ShareSnapshot? Snapshot)> ReadAsync(SharePartitionKey key, CancellationToken cancellation)
    {
        (KafkaError error, Slot? slot, _) = await SlotOfAsync(key.GroupId, cancellation);
        if (slot is null)
        {
            return (error, null);
        }

        lock (slot)
        {
            return (KafkaError.None, slot.States.GetValueOrDefault(key));
        }
    }

    public async Task<KafkaError> WriteAsync(SharePartitionKey key, ShareSnapshot? snapshot, CancellationToken cancellation)
    {
        (KafkaError error, Slot? slot, int partition) = await SlotOfAsync(key.GroupId, cancellation);
        if (slot is null)
        {
            return error;
        }

        lock (slot)
        {
            if (snapshot is not null && slot.States.GetValueOrDefault(key)?.StateEpoch > snapshot.StateEpoch)
            {
                // The writer goes on from a state that an administrator has replaced.
                return KafkaError.FencedStateEpoch;
            }
        }

        error = await log.AppendAsync(partition, slot.Term, [Record(key, snapshot)]);
        lock (slot)
        {
            if (error != KafkaError.None)
            {
                slot.IsStale = true;
            }
            else if (snapshot is null)
            {
                slot.States.Remove(key);
            }
            else
            {
                slot.States[key] = snapshot;
            }
        }

        return GroupErrors.OfStore(error);
    }

    public async Task<(KafkaError Error, IReadOnlyList<SharePartitionKey> Keys)> ListAsync(string groupId, CancellationToken cancellation)
    {
        (KafkaError error, Slot? slot, _) = await SlotOfAsync(groupId, cancellation);
        if (slot is null)
        {
            return (error, []);
        }

        lock (slot)
        {
            return (KafkaError.None,
                [.. slot.States.Keys.Where(key => key.GroupId == groupId).OrderBy(static key => key.Topic).ThenBy(static key => key.Partition)]);
        }
    }

    public void Dispose() => _gate.Dispose();

    private async Task<(KafkaError Error, Slot? Slot, int Partition)> SlotOfAsync(string groupId, CancellationToken cancellation)
    {
        await _gate.EnterAsync(cancellation);
        try
        {
            await log.PrepareAsync(cancellation);
            int partition = GroupHash.PartitionOf(groupId, log.PartitionCount);
            int term = log.TermOf(partition);
            if (term < 0)
            {
                return (KafkaError.NotCoordinator, null, partition);
            }

            if (_slots.TryGetValue(partition, out Slot? known) && known.Term == term && !known.IsStale)
            {
                return (KafkaError.None, known, partition);
            }

            Slot slot = new() { Term = term };
            await foreach (GroupLogRecord record in log.ReadAsync(partition, cancellation))
            {
                Fold(record, slot.States);
            }

            _slots[partition] = slot;
            return (KafkaError.None, slot, partition);
        }
        catch (Exception failed) when (failed is InvalidOperationException or Streams.StreamUnavailableException)
        {
            // Not there yet, or being opened: the client asks again.
            return (KafkaError.CoordinatorNotAvailable, null, -1);
        }
        finally
        {
            _gate.Release();
        }
    }

    private static GroupLogRecord Record(SharePartitionKey key, ShareSnapshot? snapshot)
    {
        byte[] name = GroupLogCodec.WithVersion(
            new ShareSnapshotKey { GroupId = key.GroupId, TopicId = key.Topic, Partition = key.Partition }, SnapshotKeyVersion);
        if (snapshot is null)
        {
            return new GroupLogRecord(name, null);
        }

        ShareSnapshotValue value = new()
        {
            StateEpoch = snapshot.StateEpoch,
            LeaderEpoch = -1,
            StartOffset = snapshot.StartOffset,
            StateBatches = [.. snapshot.Ranges.Select(static range => new ShareSnapshotValue.StateBatch
            {
                FirstOffset = range.First,
                LastOffset = range.Last,
                DeliveryState = (sbyte)range.State,
                DeliveryCount = (short)Math.Min(range.Deliveries, short.MaxValue),
            })],
        };
        return new GroupLogRecord(name, GroupLogCodec.WithVersion(value, ValueVersion));
    }

    private static void Fold(GroupLogRecord record, Dictionary<SharePartitionKey, ShareSnapshot> into)
    {
        if (record.Key.Length < sizeof(short) || BinaryPrimitives.ReadInt16BigEndian(record.Key.Span) != SnapshotKeyVersion)
        {
            return;
        }

        WireReader reader = GroupLogCodec.ValueReader(record.Key, out short keyVersion);
        ShareSnapshotKey name = ShareSnapshotKey.Read(ref reader, keyVersion);
        SharePartitionKey key = new(name.GroupId, name.TopicId, name.Partition);
        if (record.Value is not { } bytes)
        {
            into.Remove(key);
            return;
        }

        WireReader valueReader = GroupLogCodec.ValueReader(bytes, out short version);
        ShareSnapshotValue value = ShareSnapshotValue.Read(ref valueReader, version);
        into[key] = new ShareSnapshot(
            value.StateEpoch, value.StartOffset,
            [.. value.StateBatches.Select(static batch => new ShareRange(
                batch.FirstOffset, batch.LastOffset, (ShareRecordState)batch.DeliveryState, batch.DeliveryCount))]);
    }

    /// <summary>What one partition of the topic says. Changed under its own lock.</summary>
    private sealed class Slot
    {
        public required int Term { get; init; }

        public volatile bool IsStale;

        public Dictionary<SharePartitionKey, ShareSnapshot> States { get; } = [];
    }
}
