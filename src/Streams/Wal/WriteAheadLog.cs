using Microsoft.Extensions.Logging;
using PipeRoll.Foundation.Hashing;
using PipeRoll.Foundation.Scheduling;

namespace PipeRoll.Streams.Wal;

/// <summary>
/// The write-ahead log over a <see cref="IWalDevice"/>: while one group is written and synced, the next one gathers.
/// </summary>
/// <remarks>
/// Owner: <see cref="StreamStorage"/>. Threads: appenders add to the open group under a lock; the writer (one at a
/// time, on the scheduler given) seals, writes and syncs; the confirmer (a mailbox of its own) tells the clients while
/// the writer goes on. Failure: when a write or sync fails, everything not yet synced fails, nothing is ever written
/// again, and <c>onFatal</c> is called once; what was synced before is still confirmed.
/// </remarks>
internal sealed partial class WriteAheadLog : IWriteAheadLog
{
    private const int ConfirmsWaitingMax = 64;

    private readonly Lock _lock = new();
    private readonly IWalDevice _device;
    private readonly StreamStorageOptions _options;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly StreamMetrics _metrics;
    private readonly ILogger _logger;
    private readonly Action<Exception> _onFatal;
    private readonly Action _starved;
    private readonly Mailbox<WalGroup> _writer;
    private readonly Mailbox<WalGroup> _confirmer;
    private readonly Queue<WalGroup> _unsynced = new();
    private readonly WalGroupEncoder _encoder = new();
    private readonly LatencyWindow _latency;
    private WalSegments? _segments;
    private WalGroup? _open;
    private Task _newest = Task.CompletedTask;
    private Exception? _failure;
    private bool _stopped;
    private bool _drained;
    private ulong _logId;
    private ulong _nextGroup = 1;
    private ulong _confirmedGroup;

    /// <param name="device">Owned by the caller.</param>
    /// <param name="writerScheduler">Where groups are written; null for the present one.</param>
    /// <param name="starved">Called when the log waits for a trim.</param>
    /// <param name="onFatal">Called once when the device has failed.</param>
    public WriteAheadLog(
        IWalDevice device, StreamStorageOptions options, TimeProvider time, Random random, StreamMetrics metrics, ILogger logger,
        TaskScheduler? writerScheduler, Action starved, Action<Exception> onFatal)
    {
        _device = device;
        _options = options;
        _time = time;
        _random = random;
        _metrics = metrics;
        _logger = logger;
        _starved = starved;
        _onFatal = onFatal;
        _latency = new LatencyWindow(time);
        // Groups hold what the log cache has admitted, so the cache's bound in bytes is theirs as well.
        _writer = new Mailbox<WalGroup>(WriteAsync, long.MaxValue, Fail, writerScheduler);
        _confirmer = new Mailbox<WalGroup>(Confirm, ConfirmsWaitingMax, Fail);
    }

    public int BatchBytesMax => (int)Math.Min(int.MaxValue / 2, _options.WalSegmentBytes / 2);

    public long SizeBytes => _segments?.TotalBytes ?? 0;

    public double LatencyMs => _latency.Percentile(0.99);

    public ulong ConfirmedGroup => Volatile.Read(ref _confirmedGroup);

    public async ValueTask<long> StartAsync(IWalReplay replay, CancellationToken cancellation)
    {
        IReadOnlyList<IWalSegment> segments = await _device.OpenAsync(cancellation);
        var recovery = new WalRecovery(segments, replay);
        WalRecovered recovered = await recovery.RunAsync(cancellation);
        _logId = recovered.LogId ?? (ulong)_random.NextInt64(1, long.MaxValue);
        _nextGroup = recovered.NextGroup;
        _confirmedGroup = recovered.NextGroup - 1;
        _segments = new WalSegments(_device, _options, _time, _logger, recovered, _starved);
        await _segments.PrepareAsync(cancellation);
        LogStarted(_logger, recovered.Batches, recovered.Bytes, recovered.TailDescription);
        return recovered.Batches;
    }

    public Task Append(StreamId stream, long epoch, in StreamBatch batch, IWalClient client)
    {
        if (batch.Bytes.Length > BatchBytesMax)
        {
            throw new ArgumentException($"a batch of {batch.Bytes.Length} bytes exceeds the log's limit of {BatchBytesMax}");
        }

        // The checksum is the costly part: it is computed here, on as many threads as there are appenders.
        uint crc = Crc32C.Compute(batch.Bytes.Span);
        lock (_lock)
        {
            ThrowIfUnavailable();
            if (_open is null || !_open.HasRoomFor(batch.Bytes.Length, _options.WalGroupBytesMax))
            {
                Post(_open = new WalGroup());
            }

            // The writer and the client's observers read the bytes later, when caches and callers may have let go of them.
            batch.Owner?.AddReference();
            _open.Add(new WalRecord(stream, epoch, batch, crc, client));
            return _open.Done;
        }
    }

    /// <summary>Nothing waits here but for the sync before it.</summary>
    public void Flush()
    {
    }

    public void Trim(ulong group) => _segments!.Trim(group);

    public Task DrainAsync()
    {
        lock (_lock)
        {
            _drained = true;
            return _newest;
        }
    }

    public async ValueTask StopAsync(bool clean)
    {
        WalGroup? marker = null;
        lock (_lock)
        {
            if (_failure is null && !_stopped && clean)
            {
                Post(marker = new WalGroup(clean: true));
            }

            _stopped = true;
            _open = null;
        }

        if (!clean)
        {
            _segments?.Abort();
        }

        await _writer.CloseAsync();
        _segments?.Abort();
        await _confirmer.CloseAsync();
        if (marker is not null)
        {
            await marker.Done;
        }
    }

    private void Post(WalGroup group)
    {
        _newest = group.Done;
        _unsynced.Enqueue(group);
        _writer.TryPost(group);
    }

    private void ThrowIfUnavailable()
    {
        if (_failure is not null)
        {
            throw Unavailable(_failure);
        }

        if (_stopped || _drained)
        {
            throw new StreamUnavailableException(StreamUnavailableReason.Closed, "the write-ahead log was stopped");
        }
    }

    private async ValueTask WriteAsync(WalGroup group)
    {
        // 1. Seal at the last moment: whatever arrived during the previous sync is in the group.
        lock (_lock)
        {
            if (_open == group)
            {
                _open = null;
            }
        }

        // 2. Write and sync, in the next segment if this one has no room.
        WalPlace? place = _segments!.TryPlace(group.PaddedBytes);
        while (place is null)
        {
            await _segments.SwitchAsync(WriteMarkerAsync);
            place = _segments.TryPlace(group.PaddedBytes);
        }

        await WriteAtAsync(group, place.Value);
        lock (_lock)
        {
            _unsynced.Dequeue();
        }

        // 3. Confirm beside the next write.
        if (!await _confirmer.PostAsync(group))
        {
            group.Fail(Unavailable(_failure ?? new InvalidOperationException("the log was stopped before the batch was confirmed")));
        }
    }

    /// <summary>Tells recovery, on the page kept for it, which groups are dead before one of their segments is used again.</summary>
    private ValueTask WriteMarkerAsync() => WriteAtAsync(new WalGroup(), _segments!.MarkerPlace());

    private async ValueTask WriteAtAsync(WalGroup group, WalPlace place)
    {
        group.Sequence = _nextGroup;
        // A clean stop says that not even this group is needed.
        ulong firstLive = group.Clean ? _nextGroup + 1 : _segments!.FirstLiveGroup;
        IReadOnlyList<ReadOnlyMemory<byte>> buffers = _encoder.Encode(group, _logId, place.SegmentSequence, firstLive);
        long started = _time.GetTimestamp();
        await place.Segment.WriteAsync(place.Position, buffers);
        await place.Segment.SyncAsync();
        TimeSpan taken = _time.GetElapsedTime(started);
        _latency.Add(taken);
        _metrics.GroupSynced(group.PaddedBytes, group.Records.Count, taken);
        _segments!.Advance(group.PaddedBytes, group.Sequence, firstLive);
        _nextGroup++;
    }

    private ValueTask Confirm(WalGroup group)
    {
        foreach (WalRecord record in group.Records)
        {
            record.Client!.Confirmed(record.Batch);
        }

        Volatile.Write(ref _confirmedGroup, group.Sequence);
        group.Complete();
        // A group that fails keeps its references: the device may still be reading, and the process ends.
        foreach (WalRecord record in group.Records)
        {
            record.Batch.Owner?.Release();
        }

        return ValueTask.CompletedTask;
    }

    private void Fail(Exception failure)
    {
        List<WalGroup> lost;
        bool stopped;
        lock (_lock)
        {
            stopped = _stopped;
            if (_failure is not null)
            {
                return;
            }

            _failure = failure;
            _open = null;
            lost = [.. _unsynced];
            _unsynced.Clear();
        }

        foreach (WalGroup group in lost)
        {
            group.Fail(Unavailable(failure));
        }

        if (!stopped)
        {
            LogFailed(_logger, failure);
            _onFatal(failure);
        }
    }

    private static StreamUnavailableException Unavailable(Exception failure) => new(
        StreamUnavailableReason.Failed, "the write-ahead log's device has failed; restart the broker to recover: " + failure.Message, failure);

    [LoggerMessage(2, LogLevel.Information, "Write-ahead log recovered: {Batches} batches, {Bytes} bytes. {Tail}")]
    private static partial void LogStarted(ILogger logger, long batches, long bytes, string tail);

    [LoggerMessage(3, LogLevel.Critical, "The write-ahead log's device has failed: nothing more is acknowledged, and the process must end")]
    private static partial void LogFailed(ILogger logger, Exception failure);
}
