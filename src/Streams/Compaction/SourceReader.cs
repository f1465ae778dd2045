using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Objects;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams.Compaction;

/// <summary>Reads the live blocks of one object from its front to its end, in few and bounded requests, past the caches of readers.</summary>
/// <remarks>Used by one caller. The memory handed out stays as it is: each request reads into memory of its own.</remarks>
internal sealed class SourceReader(IObjectStore store, CompactionSource source, int chunkBytes)
{
    private ObjectIndex? _index;
    private bool[] _live = [];
    private byte[] _chunk = [];
    private long _chunkAt;

    /// <summary>The batches of the range, in order.</summary>
    /// <exception cref="CorruptDataException">The object is damaged, or gone although it is in use.</exception>
    public async ValueTask ReadAsync(StreamId stream, StreamRange range, Action<StreamBatch> take, CancellationToken cancellation)
    {
        ObjectIndex index = _index ??= await OpenAsync(range, cancellation);
        for (int i = index.FindBlock(stream, range.BaseOffset); i >= 0 && IsWithin(index, i, stream, range); i++)
        {
            ReadOnlyMemory<byte> block = await BlockAsync(index, i, range, cancellation);
            int position = ObjectFormat.BodyPosition(index.Blocks[i].BatchCount);
            for (int b = 0; b < index.Blocks[i].BatchCount; b++)
            {
                BatchEntry batch = ObjectFormat.ReadBatchEntry(block.Span, b);
                take(new StreamBatch(batch.BaseOffset, batch.Count, batch.MaxTimestamp, block.Slice(position, batch.Bytes), null));
                position += batch.Bytes;
            }
        }
    }

    private static bool IsWithin(ObjectIndex index, int block, StreamId stream, StreamRange range) =>
        block < index.Blocks.Count && index.Blocks[block].Stream == stream && index.Blocks[block].BaseOffset < range.EndOffset;

    private async ValueTask<ObjectIndex> OpenAsync(StreamRange range, CancellationToken cancellation)
    {
        byte[] tail = new byte[checked((int)(range.ObjectBytes - range.IndexPosition))];
        int read = await ReadAsync(range.IndexPosition, tail, cancellation);
        ObjectIndex index = ObjectIndex.Parse(source.ObjectId, range.IndexPosition, tail.AsSpan(0, read));
        _live = new bool[index.Blocks.Count];
        foreach ((StreamId stream, StreamRange live) in source.Ranges)
        {
            for (int i = index.FindBlock(stream, live.BaseOffset); i >= 0 && IsWithin(index, i, stream, live); i++)
            {
                _live[i] = true;
            }
        }

        return index;
    }

    private async ValueTask<ReadOnlyMemory<byte>> BlockAsync(ObjectIndex index, int at, StreamRange range, CancellationToken cancellation)
    {
        BlockEntry block = index.Blocks[at];
        if (block.Position < _chunkAt || block.Position + block.Bytes > _chunkAt + _chunk.Length)
        {
            long end = block.Position + block.Bytes;
            for (int i = at + 1; i < index.Blocks.Count && _live[i] && end + index.Blocks[i].Bytes - block.Position <= chunkBytes; i++)
            {
                end += index.Blocks[i].Bytes;
            }

            byte[] chunk = new byte[checked((int)(end - block.Position))];
            int read = await ReadAsync(block.Position, chunk, cancellation);
            _chunk = read == chunk.Length ? chunk : throw ObjectIndex.Corrupt(
                range.ObjectId, $"it ends at byte {block.Position + read}, within its blocks");
            _chunkAt = block.Position;
        }

        ReadOnlyMemory<byte> bytes = _chunk.AsMemory((int)(block.Position - _chunkAt), block.Bytes);
        return ObjectFormat.FindBlockFault(bytes.Span, block) is { } fault
            ? throw ObjectIndex.Corrupt(
                range.ObjectId,
                $"its block at byte {block.Position}, offsets {block.BaseOffset} to {block.EndOffset} of stream {block.Stream}, {fault}")
            : bytes;
    }

    private async ValueTask<int> ReadAsync(long position, byte[] destination, CancellationToken cancellation)
    {
        try
        {
            return await store.ReadAsync(ObjectKeys.ForData(source.ObjectId), position, destination, cancellation);
        }
        catch (ObjectStoreException missing) when (missing.Kind == ObjectStoreErrorKind.NotFound)
        {
            throw new CorruptDataException(
                $"object {ObjectKeys.ForData(source.ObjectId)} is missing from the store although it is in use: restore it from a copy", missing);
        }
    }
}
