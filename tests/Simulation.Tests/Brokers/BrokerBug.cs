using System.Buffers.Binary;
using PipeRoll.Foundation.Hashing;
using PipeRoll.Simulation.Streams;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire.Records;

namespace PipeRoll.Simulation.Brokers;

/// <summary>Bugs planted on purpose below the real broker, to prove that what clients check finds such.</summary>
public enum BrokerBug
{
    None,

    /// <summary>A produce is acknowledged before its batch is durable.</summary>
    AcknowledgedEarly,

    /// <summary>An append is acknowledged together with the one before it.</summary>
    AcknowledgedOutOfOrder,

    /// <summary>A restart remembers nothing of the producers.</summary>
    ProducersForgotten,

    /// <summary>A restart remembers nothing of the groups: generations begin anew, and commits are gone.</summary>
    GroupsForgotten,

    /// <summary>A read leaves a batch out.</summary>
    BatchSkipped,

    /// <summary>A marker of a transaction is taken for written, and becomes a record of nobody's.</summary>
    MarkerLost,

    /// <summary>Now and then a marker says the opposite of what was decided.</summary>
    MarkerTurned,
}

internal static class BrokerBugs
{
    public static IStreamStorage Plant(BrokerBug bug, IStreamStorage inner, IMetadataStore metadata) =>
        bug == BrokerBug.None ? inner : new PassingStorage(inner, stream => new BuggyStream(stream, bug, metadata));

    private sealed class BuggyStream(IStream inner, BrokerBug bug, IMetadataStore metadata) : PassingStream(inner)
    {
        /// <summary>In a control batch: behind the record's length, attributes, deltas and key length, in the low byte of the key's type.</summary>
        private const int MarkerTypeAt = RecordBatchHeader.Bytes + 8;
        private const int ProducerIdAt = 43;

        private readonly long _openedAt = inner.ConfirmedOffset;
        private Task _last = Task.CompletedTask;

        public override Task Append(in StreamBatch batch)
        {
            Task before = _last;
            _last = base.Append(Changed(batch));
            return bug switch
            {
                BrokerBug.AcknowledgedEarly => Task.CompletedTask,
                BrokerBug.AcknowledgedOutOfOrder => before,
                _ => _last,
            };
        }

        public override async ValueTask<FetchedBatches> FetchAsync(long offset, int maxBytes, CancellationToken cancellation = default)
        {
            if (bug == BrokerBug.GroupsForgotten && offset < _openedAt && await IsInternalAsync())
            {
                return new FetchedBatches([], [], _openedAt);
            }

            FetchedBatches fetched = await base.FetchAsync(offset, maxBytes, cancellation);
            return bug == BrokerBug.BatchSkipped && offset % 7 == 3 && fetched.Segments.Count > 1
                ? new FetchedBatches([.. fetched.Segments.Skip(1)], [], fetched.EndOffset)
                : fetched;
        }

        public override ValueTask<StreamCheckpoint?> ReadCheckpointAsync(CancellationToken cancellation = default) =>
            bug == BrokerBug.ProducersForgotten
                ? ValueTask.FromResult<StreamCheckpoint?>(new StreamCheckpoint(_openedAt, NothingKnown()))
                : base.ReadCheckpointAsync(cancellation);

        /// <summary>docs/formats/producer-state.md: nobody is known, and everybody may have been forgotten.</summary>
        private static byte[] NothingKnown()
        {
            byte[] state = new byte[26];
            BinaryPrimitives.WriteUInt32BigEndian(state, 0x50525053);
            BinaryPrimitives.WriteInt16BigEndian(state.AsSpan(4), 2);
            BinaryPrimitives.WriteInt64BigEndian(state.AsSpan(14), long.MaxValue);
            BinaryPrimitives.WriteUInt32BigEndian(state.AsSpan(22), Crc32C.Compute(state.AsSpan(0, 22)));
            return state;
        }

        private StreamBatch Changed(in StreamBatch batch)
        {
            bool isMarker = RecordBatchHeader.TryRead(batch.Bytes.Span, out RecordBatchHeader header) && header.IsControl;
            if (!isMarker || bug is not (BrokerBug.MarkerLost or BrokerBug.MarkerTurned) || batch.BaseOffset % 3 != 0)
            {
                return batch;
            }

            byte[] other = batch.Bytes.ToArray();
            other[bug == BrokerBug.MarkerLost ? ProducerIdAt : MarkerTypeAt] ^= 1;
            RecordBatchPatch.SetMaxTimestamp(other, header.MaxTimestamp); // and the checksum with it
            return batch with { Bytes = other, Owner = null };
        }

        private async ValueTask<bool> IsInternalAsync() =>
            (await metadata.ListTopicsAsync()).Any(topic => topic.IsInternal && topic.Partitions.Contains(Id));
    }
}
