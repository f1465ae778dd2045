using PipeRoll.Foundation.Hashing;

namespace PipeRoll.Streams.Wal;

internal readonly record struct WalRecord(StreamId Stream, long Epoch, StreamBatch Batch, uint BodyCrc, IWalClient? Client);

/// <summary>The batches that share one write, one sync and one task.</summary>
/// <remarks>Filled by appenders under the log's lock until the writer seals it, then the writer's alone, then the confirmer's.</remarks>
internal sealed class WalGroup(bool clean = false)
{
    // Continuations run elsewhere: whoever waits for an append must not hold up the confirmation of the next group.
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public List<WalRecord> Records { get; } = [];

    public long BodyBytes { get; private set; }

    /// <summary>The last group of a stopped log.</summary>
    public bool Clean { get; } = clean;

    /// <summary>Given when the group is written.</summary>
    public ulong Sequence { get; set; }

    /// <summary>When the log began to write it, counted from the log's start.</summary>
    public TimeSpan SentAt { get; set; }

    public Task Done => _done.Task;

    /// <summary>Bytes of header, table and bodies.</summary>
    public long PayloadBytes => WalFormat.GroupHeaderBytes + ((long)Records.Count * WalFormat.RecordEntryBytes) + BodyBytes;

    /// <summary>Bytes in the segment, padding included.</summary>
    public long PaddedBytes => WalFormat.Pad(PayloadBytes);

    public void Add(in WalRecord record)
    {
        Records.Add(record);
        BodyBytes += record.Batch.Bytes.Length;
    }

    public bool HasRoomFor(int bytes, long groupBytesMax) => Records.Count == 0
        || WalFormat.GroupHeaderBytes + ((Records.Count + 1L) * WalFormat.RecordEntryBytes) + BodyBytes + bytes <= groupBytesMax;

    public void Complete() => _done.TrySetResult();

    public void Fail(Exception failure) => _done.TrySetException(failure);
}

/// <summary>Turns a group into the buffers of one gather write; only headers are copied.</summary>
/// <remarks>Reuses its memory: what <see cref="Encode"/> returns is valid until its next call.</remarks>
internal sealed class WalGroupEncoder
{
    private static readonly ReadOnlyMemory<byte> Zeros = new byte[WalFormat.AlignmentBytes];
    private readonly List<ReadOnlyMemory<byte>> _buffers = [];
    private byte[] _head = new byte[WalFormat.AlignmentBytes];

    /// <param name="padded">Whether zeros follow up to the next page, as in a segment.</param>
    public IReadOnlyList<ReadOnlyMemory<byte>> Encode(
        WalGroup group, ulong logId, ulong segment, ulong firstLiveGroup, bool padded = true)
    {
        int headBytes = WalFormat.GroupHeaderBytes + (group.Records.Count * WalFormat.RecordEntryBytes);
        if (_head.Length < headBytes)
        {
            _head = new byte[Math.Max(headBytes, _head.Length * 2)];
        }

        Span<byte> table = _head.AsSpan(WalFormat.GroupHeaderBytes, headBytes - WalFormat.GroupHeaderBytes);
        _buffers.Clear();
        _buffers.Add(_head.AsMemory(0, headBytes));
        int position = 0;
        foreach (WalRecord record in group.Records)
        {
            StreamBatch batch = record.Batch;
            WalFormat.WriteRecordEntry(table[position..], new WalRecordEntry(
                record.Stream, record.Epoch, batch.BaseOffset, batch.MaxTimestamp, batch.Count, batch.Bytes.Length, record.BodyCrc));
            position += WalFormat.RecordEntryBytes;
            _buffers.Add(batch.Bytes);
        }

        var header = new WalGroupHeader(
            logId, segment, group.Sequence, firstLiveGroup, group.Clean, group.Records.Count, group.BodyBytes, Crc32C.Compute(table));
        WalFormat.WriteGroupHeader(_head, header);
        int padding = (int)(header.PaddedBytes - header.PayloadBytes);
        if (padded && padding > 0)
        {
            _buffers.Add(Zeros[..padding]);
        }

        return _buffers;
    }
}
