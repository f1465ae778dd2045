using PipeRoll.Foundation.Buffers;
using PipeRoll.Streams.Cache;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Objects;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams;

/// <summary>Reads a stream's committed part from objects.</summary>
/// <remarks>Any thread. Keeps one page of ranges, which <see cref="Invalidate"/> drops when ranges have changed.</remarks>
internal sealed class ColdReader(StreamId id, IMetadataStore metadata, BlockCache blocks, StreamStorageOptions options, StreamMetrics metrics)
{
    private const int RangesPerPage = 64;

    /// <summary>
    /// The part of the block cache that one read may take. Whoever gave up waiting for a slow store comes again for the same, and must
    /// find it: a read of more than the cache holds would push out its own beginning, and never end.
    /// </summary>
    private const int CacheShare = 4;
    private readonly ReadAhead _readAhead = new(options.ReadAheadBytesMin, options.ReadAheadBytesMax);
    private readonly Lock _lock = new();
    private RangePage? _page;
    private int _version;

    public void Invalidate()
    {
        lock (_lock)
        {
            _version++;
            _page = null;
        }
    }

    /// <summary>
    /// Adds whole batches from <paramref name="offset"/> on to <paramref name="builder"/>, of one object at most.
    /// </summary>
    /// <returns>False when nothing is stored at or after the offset.</returns>
    public async ValueTask<bool> ReadAsync(long offset, FetchBuilder builder, CancellationToken cancellation)
    {
        (int readAheadBytes, bool sequential) = _readAhead.Start(offset);
        long from = offset;
        while (await FindRangeAsync(from, cancellation) is { } range)
        {
            try
            {
                ObjectIndex index = await blocks.GetIndexAsync(range, cancellation);
                int block = index.FindBlock(id, from);
                if (block >= 0 && index.Blocks[block].BaseOffset < range.EndOffset)
                {
                    int last = await ReadBlocksAsync(index, block, range, offset, readAheadBytes, builder, cancellation);
                    _readAhead.End(builder.EndOffset, readAheadBytes);
                    if (sequential)
                    {
                        PrefetchAfter(index, last, readAheadBytes);
                    }

                    return true;
                }
            }
            catch (CorruptDataException missing) when (IsGone(missing))
            {
                // A store that was overloaded for long has made this read outlive the object. Is there another one by now?
                if (!builder.IsEmpty)
                {
                    return true;
                }

                Invalidate();
                if (await FindRangeAsync(from, cancellation) is { } now && now.ObjectId == range.ObjectId)
                {
                    throw;
                }

                continue;
            }

            // Everything from here to the range's end was compacted away.
            from = range.EndOffset;
        }

        return false;
    }

    /// <summary>First offset of the first block in committed objects that is new enough.</summary>
    public async ValueTask<long?> FindByTimestampAsync(long timestamp, CancellationToken cancellation)
    {
        StreamRange? before = null;
        while (await metadata.FindRangeByTimestampAsync(id, timestamp, cancellation) is { } range)
        {
            try
            {
                ObjectIndex index = await blocks.GetIndexAsync(range, cancellation);
                for (int i = index.FindBlock(id, range.BaseOffset); i >= 0 && i < index.Blocks.Count && index.Blocks[i].Stream == id; i++)
                {
                    if (index.Blocks[i].MaxTimestamp >= timestamp)
                    {
                        return index.Blocks[i].BaseOffset;
                    }
                }

                throw ObjectIndex.Corrupt(range.ObjectId, $"no block of stream {id} is as new as the metadata says");
            }
            catch (CorruptDataException missing) when (IsGone(missing) && before?.ObjectId != range.ObjectId)
            {
                before = range;
            }
        }

        return null;
    }

    private static bool IsGone(CorruptDataException failure) =>
        failure.InnerException is ObjectStoreException { Kind: ObjectStoreErrorKind.NotFound };

    private async ValueTask<int> ReadBlocksAsync(
        ObjectIndex index, int block, StreamRange range, long offset, int readAheadBytes, FetchBuilder builder, CancellationToken cancellation)
    {
        int last = block;
        for (int i = block; i < index.Blocks.Count && index.Blocks[i].Stream == id && index.Blocks[i].BaseOffset < range.EndOffset; i++)
        {
            (SharedBuffer bytes, bool hit) = await blocks.GetBlockAsync(index, i, readAheadBytes, cancellation);
            metrics.Read(hit ? "block" : "none");
            try
            {
                last = i;
                if (!AddBatches(bytes, index.Blocks[i].BatchCount, offset, builder) || builder.Total >= options.BlockCacheBytesMax / CacheShare)
                {
                    break;
                }
            }
            finally
            {
                bytes.Release();
            }
        }

        return last;
    }

    /// <summary>Loads the next window while the reader is busy with this one.</summary>
    private void PrefetchAfter(ObjectIndex index, int last, int readAheadBytes)
    {
        long ahead = 0;
        for (int i = last + 1; i < index.Blocks.Count && index.Blocks[i].Stream == id && ahead < readAheadBytes / 2; i++)
        {
            blocks.Prefetch(index, i, readAheadBytes);
            ahead += index.Blocks[i].Bytes;
        }
    }

    /// <summary>False when the answer is full.</summary>
    private static bool AddBatches(SharedBuffer block, int batchCount, long offset, FetchBuilder builder)
    {
        int position = ObjectFormat.BodyPosition(batchCount);
        for (int i = 0; i < batchCount; i++)
        {
            BatchEntry batch = ObjectFormat.ReadBatchEntry(block.Span, i);
            if (batch.EndOffset > offset)
            {
                if (!builder.Fits(batch.Bytes))
                {
                    return false;
                }

                builder.Add(block.Memory.Slice(position, batch.Bytes), block, batch.EndOffset);
            }

            position += batch.Bytes;
        }

        return true;
    }

    private async ValueTask<StreamRange?> FindRangeAsync(long offset, CancellationToken cancellation)
    {
        int version;
        lock (_lock)
        {
            if (_page?.Find(offset) is { } known)
            {
                return known;
            }

            version = _version;
        }

        IReadOnlyList<StreamRange> ranges = await metadata.ListRangesAsync(id, offset, RangesPerPage, cancellation);
        if (ranges.Count == 0)
        {
            return null;
        }

        lock (_lock)
        {
            // What was read before the ranges changed serves this one read, within the grace that objects have.
            if (version == _version)
            {
                _page = new RangePage(offset, ranges);
            }
        }

        return ranges[0];
    }

    private sealed record RangePage(long From, IReadOnlyList<StreamRange> Ranges)
    {
        public StreamRange? Find(long offset)
        {
            if (offset < From)
            {
                return null;
            }

            foreach (StreamRange range in Ranges)
            {
                if (range.EndOffset > offset)
                {
                    return range;
                }
            }

            return null;
        }
    }
}
