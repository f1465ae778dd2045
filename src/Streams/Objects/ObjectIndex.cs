using PipeRoll.Foundation.Hashing;

namespace PipeRoll.Streams.Objects;

/// <summary>The index of one object, checked when it was read.</summary>
internal sealed class ObjectIndex
{
    private readonly BlockEntry[] _blocks;

    private ObjectIndex(long objectId, BlockEntry[] blocks)
    {
        ObjectId = objectId;
        _blocks = blocks;
    }

    public long ObjectId { get; }

    public IReadOnlyList<BlockEntry> Blocks => _blocks;

    /// <summary>About how much memory the index takes.</summary>
    public long CostBytes => 64 + ((long)_blocks.Length * ObjectFormat.IndexEntryBytes);

    /// <param name="objectId">The object that was asked for.</param>
    /// <param name="indexPosition">Position in the object at which <paramref name="tail"/> begins.</param>
    /// <param name="tail">The object's bytes from its index to its end.</param>
    /// <exception cref="CorruptDataException">Index or footer are damaged, or belong to another object.</exception>
    public static ObjectIndex Parse(long objectId, long indexPosition, ReadOnlySpan<byte> tail)
    {
        if (tail.Length < ObjectFormat.FooterBytes || ObjectFormat.ReadFooter(tail[^ObjectFormat.FooterBytes..]) is not { } footer)
        {
            throw Corrupt(objectId, "its footer is damaged");
        }

        ReadOnlySpan<byte> index = tail[..^ObjectFormat.FooterBytes];
        if (footer.ObjectId != objectId || footer.IndexPosition != indexPosition || footer.BlockCount < 0
            || (long)footer.BlockCount * ObjectFormat.IndexEntryBytes != index.Length)
        {
            throw Corrupt(objectId, $"its footer is that of object {footer.ObjectId} with {footer.BlockCount} blocks, which the metadata contradicts");
        }

        if (footer.IndexCrc != Crc32C.Compute(index))
        {
            throw Corrupt(objectId, "its index does not match its checksum");
        }

        var blocks = new BlockEntry[footer.BlockCount];
        long position = 0;
        for (int i = 0; i < blocks.Length; i++)
        {
            BlockEntry block = ObjectFormat.ReadIndexEntry(index[(i * ObjectFormat.IndexEntryBytes)..]);
            if (block.Position != position || block.Bytes < ObjectFormat.BlockHeaderBytes || block.EndOffset <= block.BaseOffset
                || (i > 0 && !InOrder(blocks[i - 1], block)))
            {
                throw Corrupt(objectId, $"entry {i} of its index is wrong");
            }

            blocks[i] = block;
            position += block.Bytes;
        }

        return position == indexPosition ? new ObjectIndex(objectId, blocks) : throw Corrupt(objectId, "its blocks do not reach its index");
    }

    /// <summary>The first block of the stream that ends after <paramref name="offset"/>; -1 when there is none.</summary>
    public int FindBlock(StreamId stream, long offset)
    {
        int low = 0;
        int high = _blocks.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            BlockEntry block = _blocks[middle];
            if (block.Stream.Value < stream.Value || (block.Stream == stream && block.EndOffset <= offset))
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low < _blocks.Length && _blocks[low].Stream == stream ? low : -1;
    }

    public static CorruptDataException Corrupt(long objectId, string what) => new(
        $"object {Stores.ObjectKeys.ForData(objectId)} is corrupt: {what}. Restore it from a copy of the object store");

    private static bool InOrder(in BlockEntry before, in BlockEntry after) =>
        before.Stream == after.Stream ? before.EndOffset <= after.BaseOffset : before.Stream.Value < after.Stream.Value;
}
