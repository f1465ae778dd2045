using System.Runtime.CompilerServices;
using PipeRoll.Foundation.Buffers;
using PipeRoll.Streams.Cache;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Objects;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams;

/// <summary>
/// Replaces a committed range of a stream by what survives of it: a new object, swapped in by one transaction.
/// </summary>
/// <remarks>Used once. Failure: what was uploaded but not committed is deleted when its time to live has passed.</remarks>
internal sealed class RangeRewriter(StreamCore core, long epoch, StreamStorage storage)
{
    private const int RangesPerPage = 256;
    private const int PartBytes = 8 * 1024 * 1024;

    /// <returns>False when the writer was fenced.</returns>
    public async ValueTask<bool> RunAsync(long from, long to, IAsyncEnumerable<StreamBatch> survivors, CancellationToken cancellation)
    {
        // 1. Ranges are replaced whole: what sticks out of [from, to) on either side is rewritten as it is.
        (long wholeFrom, long wholeTo) = await FindWholeAsync(from, to, cancellation);
        if (wholeFrom == wholeTo)
        {
            return true;
        }

        // 2. Write the survivors.
        ObjectCommit? commit = await storage.UploadInTimeAsync(
            inTime => WriteAsync(wholeFrom, from, to, wholeTo, survivors, inTime), cancellation);

        // 3. Swap.
        return await storage.Metadata.ReplaceRangesAsync(
            core.Id, epoch, wholeFrom, wholeTo, commit is null ? [] : [commit], cancellation);
    }

    /// <summary>In parts, so that memory stays bounded. Null when nothing survives.</summary>
    private async ValueTask<ObjectCommit?> WriteAsync(
        long wholeFrom, long from, long to, long wholeTo, IAsyncEnumerable<StreamBatch> survivors, CancellationToken cancellation)
    {
        long objectId = await storage.Metadata.PrepareObjectsAsync(1, storage.Options.PreparedTimeToLive, storage.Broker, cancellation);
        var writer = new ObjectWriter(objectId, ObjectKind.Stream, storage.Options.BlockBytes);
        IObjectStore store = storage.StoreFor(StorePriority.Compaction);
        await using IObjectUpload upload = await store.BeginUploadAsync(ObjectKeys.ForData(objectId), cancellation);
        bool any = false;
        await foreach (StreamBatch batch in AllAsync(wholeFrom, from, to, wholeTo, survivors, cancellation))
        {
            any = true;
            // The source may reuse its memory after each step.
            writer.Add(core.Id, epoch, batch with { Bytes = batch.Bytes.ToArray(), Owner = null });
            if (writer.PendingBytes >= PartBytes)
            {
                await upload.AppendAsync(writer.TakeParts(), cancellation);
            }
        }

        if (!any)
        {
            return null;
        }

        ObjectCommit commit = writer.Finish();
        await upload.AppendAsync(writer.TakeParts(), cancellation);
        await upload.CompleteAsync(cancellation);
        return commit;
    }

    private async ValueTask<(long From, long To)> FindWholeAsync(long from, long to, CancellationToken cancellation)
    {
        long wholeFrom = from;
        long wholeTo = to;
        bool any = false;
        long at = from;
        while (at < to)
        {
            IReadOnlyList<StreamRange> ranges = await storage.Metadata.ListRangesAsync(core.Id, at, RangesPerPage, cancellation);
            foreach (StreamRange range in ranges.Where(r => r.BaseOffset < to))
            {
                any = true;
                wholeFrom = Math.Min(wholeFrom, range.BaseOffset);
                wholeTo = Math.Max(wholeTo, range.EndOffset);
            }

            if (ranges.Count < RangesPerPage || ranges[^1].EndOffset >= to)
            {
                break;
            }

            at = ranges[^1].EndOffset;
        }

        return any ? (wholeFrom, wholeTo) : (from, from);
    }

    private async IAsyncEnumerable<StreamBatch> AllAsync(
        long wholeFrom, long from, long to, long wholeTo, IAsyncEnumerable<StreamBatch> survivors,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        // What lies below the start offset is dead and not worth copying.
        await foreach (StreamBatch batch in StoredAsync(Math.Max(wholeFrom, core.Start), from, cancellation))
        {
            yield return batch;
        }

        long next = from;
        await foreach (StreamBatch batch in survivors.WithCancellation(cancellation))
        {
            if (batch.BaseOffset < next || batch.EndOffset > to)
            {
                throw new ArgumentException($"stream {core.Id}: survivor {batch.BaseOffset} to {batch.EndOffset} is out of order or outside [{from}, {to})");
            }

            next = batch.EndOffset;
            yield return batch;
        }

        await foreach (StreamBatch batch in StoredAsync(to, wholeTo, cancellation))
        {
            yield return batch;
        }
    }

    /// <summary>The batches of [from, to) as objects hold them.</summary>
    private async IAsyncEnumerable<StreamBatch> StoredAsync(long from, long to, [EnumeratorCancellation] CancellationToken cancellation)
    {
        long at = from;
        while (at < to)
        {
            IReadOnlyList<StreamRange> ranges = await storage.Metadata.ListRangesAsync(core.Id, at, 1, cancellation);
            if (ranges.Count == 0 || ranges[0].BaseOffset >= to)
            {
                yield break;
            }

            ObjectIndex index = await storage.Blocks.GetIndexAsync(ranges[0], cancellation);
            for (int i = index.FindBlock(core.Id, at); i >= 0 && IsWithin(index, i, ranges[0]); i++)
            {
                (SharedBuffer block, bool _) = await storage.Blocks.GetBlockAsync(index, i, storage.Options.ReadAheadBytesMax, cancellation);
                using var release = new Release(block);
                int position = ObjectFormat.BodyPosition(index.Blocks[i].BatchCount);
                for (int b = 0; b < index.Blocks[i].BatchCount; b++)
                {
                    BatchEntry entry = ObjectFormat.ReadBatchEntry(block.Span, b);
                    if (entry.EndOffset > from && entry.BaseOffset < to)
                    {
                        yield return new StreamBatch(
                            entry.BaseOffset, entry.Count, entry.MaxTimestamp, block.Memory.Slice(position, entry.Bytes), block);
                    }

                    position += entry.Bytes;
                }
            }

            at = ranges[0].EndOffset;
        }
    }

    private bool IsWithin(ObjectIndex index, int block, StreamRange range) =>
        block < index.Blocks.Count && index.Blocks[block].Stream == core.Id && index.Blocks[block].BaseOffset < range.EndOffset;

    private readonly struct Release(SharedBuffer buffer) : IDisposable
    {
        public void Dispose() => buffer.Release();
    }
}
