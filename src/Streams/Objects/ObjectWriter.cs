using PipeRoll.Foundation.Hashing;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams.Objects;

/// <summary>
/// Lays batches out as one object. Copies nothing but headers: the parts it emits refer to the batches' bytes, which
/// the caller keeps alive until the parts were stored.
/// </summary>
/// <remarks>Used by one caller: add batches ordered by stream and offset, take parts as wanted, finish once.</remarks>
internal sealed class ObjectWriter(long objectId, ObjectKind kind, int blockBytes)
{
    private readonly List<ReadOnlyMemory<byte>> _parts = [];
    private readonly List<BlockEntry> _index = [];
    private readonly List<RangeCommit> _ranges = [];
    private readonly List<StreamBatch> _block = [];
    private StreamId _stream;
    private long _epoch;
    private long _blockBytes;
    private long _position;
    private long _rangeBytes;
    private long _end;
    private int _rangeFirst;
    private bool _any;
    private bool _inRange;

    /// <summary>Bytes emitted and not yet taken.</summary>
    public long PendingBytes { get; private set; }

    /// <param name="epoch">Under which the range will be committed.</param>
    /// <exception cref="ArgumentException">The batch is out of order.</exception>
    public void Add(StreamId stream, long epoch, in StreamBatch batch)
    {
        if (_any && stream != _stream)
        {
            if (stream.Value < _stream.Value || kind == ObjectKind.Stream)
            {
                throw new ArgumentException($"stream {stream} after {_stream} is out of order");
            }

            EndRange();
        }
        else if (_any && batch.BaseOffset < _end)
        {
            throw new ArgumentException($"offset {batch.BaseOffset} of stream {stream} is out of order");
        }

        _any = true;
        _inRange = true;
        _stream = stream;
        _epoch = epoch;
        _end = batch.EndOffset;
        long entryBytes = ObjectFormat.BatchEntryBytes + batch.Bytes.Length;
        if (_block.Count > 0 && ObjectFormat.BlockHeaderBytes + _blockBytes + entryBytes > blockBytes)
        {
            CloseBlock();
        }

        _block.Add(batch);
        _blockBytes += entryBytes;
        _rangeBytes += batch.Bytes.Length;
    }

    /// <summary>Hands over what was emitted so far, in order.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> TakeParts()
    {
        ReadOnlyMemory<byte>[] parts = [.. _parts];
        _parts.Clear();
        PendingBytes = 0;
        return parts;
    }

    /// <summary>What follows of the same stream becomes a range of its own; another stream begins one anyway.</summary>
    public void EndRange()
    {
        if (_inRange)
        {
            CloseRange();
            _inRange = false;
        }
    }

    /// <summary>Emits index and footer. What the object holds is what is to be committed.</summary>
    public ObjectCommit Finish()
    {
        EndRange();

        byte[] tail = new byte[(_index.Count * ObjectFormat.IndexEntryBytes) + ObjectFormat.FooterBytes];
        int at = 0;
        foreach (BlockEntry entry in _index)
        {
            ObjectFormat.WriteIndexEntry(tail.AsSpan(at), entry);
            at += ObjectFormat.IndexEntryBytes;
        }

        long indexPosition = _position;
        ObjectFormat.WriteFooter(tail.AsSpan(at), new ObjectFooter(
            kind, objectId, indexPosition, _index.Count, Crc32C.Compute(tail.AsSpan(0, at))));
        Emit(tail);
        return new ObjectCommit(objectId, _position, indexPosition, _ranges);
    }

    private void CloseRange()
    {
        CloseBlock();
        long maxTimestamp = long.MinValue;
        for (int i = _rangeFirst; i < _index.Count; i++)
        {
            maxTimestamp = Math.Max(maxTimestamp, _index[i].MaxTimestamp);
        }

        _ranges.Add(new RangeCommit(_stream, _epoch, _index[_rangeFirst].BaseOffset, _index[^1].EndOffset, maxTimestamp, _rangeBytes));
        _rangeFirst = _index.Count;
        _rangeBytes = 0;
    }

    private void CloseBlock()
    {
        byte[] head = new byte[ObjectFormat.BodyPosition(_block.Count)];
        ObjectFormat.WriteBlockHead(head, _stream, _block);
        long position = _position;
        Emit(head);
        long maxTimestamp = long.MinValue;
        foreach (StreamBatch batch in _block)
        {
            Emit(batch.Bytes);
            maxTimestamp = Math.Max(maxTimestamp, batch.MaxTimestamp);
        }

        _index.Add(new BlockEntry(
            _stream, _block[0].BaseOffset, _block[^1].EndOffset, position, maxTimestamp, (int)(_position - position), _block.Count));
        _block.Clear();
        _blockBytes = 0;
    }

    private void Emit(ReadOnlyMemory<byte> bytes)
    {
        _parts.Add(bytes);
        _position += bytes.Length;
        PendingBytes += bytes.Length;
    }
}
