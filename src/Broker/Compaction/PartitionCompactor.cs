using System.Runtime.CompilerServices;
using PipeRoll.Broker.Partitions;
using PipeRoll.Streams;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Compaction;

/// <summary>What one run did.</summary>
/// <param name="CleanTo">Everything below was compacted.</param>
/// <param name="CleanBytes">Bytes of what is left there; -1 when nothing had to be written.</param>
/// <param name="DirtyBytesPerOffset">How large the new part was, for guessing how large the next one will be.</param>
/// <param name="NextHorizonMs">When the next tombstone may go; <see cref="long.MaxValue"/> when there is none.</param>
internal readonly record struct CompactionResult(
    long CleanTo, long CleanBytes, double DirtyBytesPerOffset, long RecordsDropped, long NextHorizonMs, bool IsPartial);

/// <summary>
/// Compacts one partition by key: keeps the latest record of each key with its offset, drops the shadowed ones, and
/// drops tombstones some time after they were first compacted (KIP-534).
/// </summary>
/// <remarks>
/// Owner: <see cref="CompactionModule"/>, one run of a partition at a time. Two passes over the committed range (one before them looks
/// how transactions ended, where there are any): the first builds the map of keys, the second hands the survivors to
/// <see cref="IStream.ReplaceAsync"/>, which swaps them in whole or not at all. Never touches what is not committed to objects, records
/// younger than the lag, anything from the first open transaction on, and records without a key (Kafka drops those; here a changed setting
/// destroys nothing). What was aborted shadows nothing and goes; a marker goes some time after the last record of its transaction has gone.
/// </remarks>
internal sealed class PartitionCompactor(IStream stream, CompactionSettings settings, CompactionOptions options, TimeProvider time)
{
    private long _nextHorizonMs = long.MaxValue;
    private long _cleanBytes;
    private long _dropped;

    // Producers of which a batch stays since their last marker.
    private readonly HashSet<long> _staying = [];

    /// <param name="cleanTo">Up to where the log was compacted before; its start offset if it never was.</param>
    public async Task<CompactionResult> RunAsync(long cleanTo, CancellationToken cancellation)
    {
        long nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        using RecordDecompressor decompressor = new();
        CompactionPlan plan = await PlanAsync(cleanTo, nowMs, decompressor, fates: null, cancellation);
        if (plan.NeedsFates)
        {
            TransactionFates fates = await TransactionFates.ReadAsync(stream, options.ReadBytes, cancellation);
            plan = await PlanAsync(cleanTo, nowMs, decompressor, fates, cancellation);
        }

        if (plan.From < 0)
        {
            return new CompactionResult(cleanTo, -1, 0, 0, long.MaxValue, false);
        }

        long dirtyFrom = Math.Max(cleanTo, plan.From);
        double bytesPerOffset = plan.To > dirtyFrom ? (double)plan.DirtyBytes / (plan.To - dirtyFrom) : 0;
        bool isWholeDirty = cleanTo <= plan.From;
        if (isWholeDirty && plan.DirtyRecords == plan.Keys.Count && !plan.HasTombstoneWork)
        {
            // Every key once: the log after a restart, mostly.
            return new CompactionResult(plan.To, plan.DirtyBytes, bytesPerOffset, 0, _nextHorizonMs, plan.IsPartial);
        }

        await stream.ReplaceAsync(plan.From, plan.To, SurvivorsAsync(plan, nowMs, decompressor, cancellation), cancellation);
        return new CompactionResult(plan.To, _cleanBytes, bytesPerOffset, _dropped, _nextHorizonMs, plan.IsPartial);
    }

    /// <summary>Pass 1: the range, its keys, its producers.</summary>
    private async Task<CompactionPlan> PlanAsync(
        long cleanTo, long nowMs, RecordDecompressor decompressor, TransactionFates? fates, CancellationToken cancellation)
    {
        CompactionPlan plan = new(options.KeysMax, options.ProducersMax) { Fates = fates };
        long decidedTo = fates?.DecidedTo ?? long.MaxValue;
        await foreach (WalkedBatch batch in BatchWalk.ReadAsync(
            stream, stream.StartOffset, stream.CommittedOffset, options.ReadBytes, cancellation))
        {
            RecordBatchHeader header = batch.Header;
            if (header.BaseOffset < stream.StartOffset)
            {
                plan.HasCutBatch = true;
                continue;
            }

            bool isDirty = header.BaseOffset >= cleanTo;
            bool isTooYoung = isDirty && settings.LagMinMs > 0 && header.MaxTimestamp > nowMs - settings.LagMinMs;
            if (isTooYoung || header.LastOffset >= stream.CommittedOffset || header.BaseOffset >= decidedTo)
            {
                break;
            }

            if (header.IsTransactional && fates is null)
            {
                plan.NeedsFates = true;
                break;
            }

            bool isAborted = fates?.IsAborted(header) ?? false;
            plan.HasTombstoneWork |= isAborted || (header.IsControl && IsHorizonDue(plan, header, nowMs));
            if (!header.IsControl && !isAborted && !AddRecords(plan, batch, isDirty, nowMs, decompressor))
            {
                plan.IsPartial = true;
                break;
            }

            plan.From = plan.From < 0 ? header.BaseOffset : plan.From;
            plan.To = header.LastOffset + 1;
            plan.LastBatch = header.BaseOffset;
            plan.DirtyBytes += isDirty ? header.SizeBytes : 0;
            plan.NoteProducer(header);
        }

        if (plan.IsPartial && plan.To <= Math.Max(cleanTo, 0))
        {
            throw new InvalidOperationException(
                $"the batch after offset {plan.To} of stream {stream.Id} has more keys than the {options.KeysMax} that compaction "
                + "may remember: raise the bound");
        }

        return plan;
    }

    /// <summary>Whether what stays only for a time has had it, or was never given one.</summary>
    private static bool IsHorizonDue(CompactionPlan plan, in RecordBatchHeader header, long nowMs) =>
        header.DeleteHorizonMs is not { } horizon || (horizon <= nowMs && !plan.HasCutBatch);

    /// <returns>False when the map has no room for all keys of the batch: the range ends before it.</returns>
    private bool AddRecords(CompactionPlan plan, WalkedBatch batch, bool isDirty, long nowMs, RecordDecompressor decompressor)
    {
        RecordBatchHeader header = batch.Header;
        ReadOnlyMemory<byte> records =
            RecordBatches.OpenRecords(header, batch.Bytes, decompressor, options.BatchBytesMax, out PooledBytes? lease);
        using (lease)
        {
            foreach (Record record in new RecordReader(header, records.Span))
            {
                if (record.IsKeyNull)
                {
                    continue;
                }

                if (isDirty && !plan.Keys.TryPut(record.Key, record.Offset))
                {
                    // What the map already has of this batch lies beyond the range. It may shadow all the same: it is
                    // committed and stays until something later shadows it.
                    return false;
                }

                plan.DirtyRecords += isDirty ? 1 : 0;
                plan.HasTombstoneWork |= record.IsValueNull && IsHorizonDue(plan, header, nowMs);
                NoteHorizon(record.IsValueNull ? header.DeleteHorizonMs : null, nowMs);
            }
        }

        return true;
    }

    /// <summary>Pass 2: what is left of each batch.</summary>
    private async IAsyncEnumerable<StreamBatch> SurvivorsAsync(
        CompactionPlan plan, long nowMs, RecordDecompressor decompressor, [EnumeratorCancellation] CancellationToken cancellation)
    {
        _nextHorizonMs = long.MaxValue;
        await foreach (WalkedBatch batch in BatchWalk.ReadAsync(stream, plan.From, plan.To, options.ReadBytes, cancellation))
        {
            ReadOnlyMemory<byte>? left = batch.Header.IsControl
                ? FilterMarker(plan, batch, nowMs)
                : Filter(plan, batch, nowMs, decompressor);
            if (left is not { } bytes)
            {
                continue;
            }

            if (batch.Header is { IsTransactional: true, IsControl: false })
            {
                _staying.Add(batch.Header.ProducerId);
            }

            _cleanBytes += bytes.Length;
            RecordBatchHeader.TryRead(bytes.Span, out RecordBatchHeader header);
            yield return new StreamBatch(header.BaseOffset, header.LastOffsetDelta + 1, header.MaxTimestamp, bytes, null);
        }
    }

    /// <returns>The batch as it is, a smaller one, a bare header, or null when all of it goes.</returns>
    private ReadOnlyMemory<byte>? Filter(CompactionPlan plan, WalkedBatch batch, long nowMs, RecordDecompressor decompressor)
    {
        RecordBatchHeader header = batch.Header;
        bool isAborted = plan.Fates?.IsAborted(header) ?? false;
        ReadOnlyMemory<byte> records =
            RecordBatches.OpenRecords(header, batch.Bytes, decompressor, options.BatchBytesMax, out PooledBytes? lease);
        using (lease)
        {
            bool[] kept = new bool[header.RecordCount];
            int index = 0;
            int count = 0;
            bool hasTombstone = false;
            foreach (Record record in new RecordReader(header, records.Span))
            {
                bool isExpired = record.IsValueNull && !plan.HasCutBatch && header.DeleteHorizonMs <= nowMs;
                bool stays = !isAborted && (record.IsKeyNull || !(isExpired || plan.Keys.IsShadowed(record.Key, record.Offset)));
                hasTombstone |= stays && record.IsValueNull && !record.IsKeyNull;
                count += stays ? 1 : 0;
                kept[index++] = stays;
            }

            _dropped += index - count;
            if (count == 0 && !plan.MustKeep(header))
            {
                return null;
            }

            // The clock of a tombstone starts when it is first compacted, so that every reader has had the time.
            long? horizon = hasTombstone && header.DeleteHorizonMs is null ? HorizonFrom(nowMs) : null;
            NoteHorizon(hasTombstone ? header.DeleteHorizonMs ?? horizon : null, nowMs);
            return count == index && horizon is null
                ? batch.Bytes
                : RecordBatchRewriter.Rewrite(header, batch.Bytes.Span, records.Span, kept, horizon);
        }
    }

    /// <returns>
    /// A marker that still has records before it, or that says its producer's last epoch, as it is. Any other gets a time to stay, as a
    /// tombstone does: a reader that has seen a part of the transaction is to learn its end.
    /// </returns>
    private ReadOnlyMemory<byte>? FilterMarker(CompactionPlan plan, WalkedBatch batch, long nowMs)
    {
        RecordBatchHeader header = batch.Header;
        if (!TransactionMarker.TryRead(header, batch.Bytes, out _))
        {
            return batch.Bytes;
        }

        bool hasRecords = _staying.Remove(header.ProducerId);
        if (hasRecords || plan.HasCutBatch || plan.MustKeep(header))
        {
            return batch.Bytes;
        }

        if (header.DeleteHorizonMs is { } horizon)
        {
            NoteHorizon(horizon, nowMs);
            if (horizon > nowMs)
            {
                return batch.Bytes;
            }

            _dropped++;
            return null;
        }

        long given = HorizonFrom(nowMs);
        NoteHorizon(given, nowMs);
        return RecordBatchRewriter.Rewrite(header, batch.Bytes.Span, batch.Bytes.Span[RecordBatchHeader.Bytes..], [true], given);
    }

    private long HorizonFrom(long nowMs) =>
        settings.DeleteRetentionMs > long.MaxValue - nowMs ? long.MaxValue : nowMs + settings.DeleteRetentionMs;

    private void NoteHorizon(long? horizonMs, long nowMs)
    {
        if (horizonMs > nowMs)
        {
            _nextHorizonMs = Math.Min(_nextHorizonMs, horizonMs.Value);
        }
    }
}
