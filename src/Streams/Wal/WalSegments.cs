using Microsoft.Extensions.Logging;

namespace PipeRoll.Streams.Wal;

/// <summary>Where a group goes.</summary>
internal readonly record struct WalPlace(IWalSegment Segment, ulong SegmentSequence, long Position);

/// <summary>
/// Which segments are live, which one is written, and which may be used again.
/// </summary>
/// <remarks>
/// Owner: the log. Thread: <see cref="PlaceAsync"/>, <see cref="Advance"/> and <see cref="SwitchAsync"/> belong to
/// the writer; <see cref="Trim"/> may come from anywhere. Failure: a segment that can't be made (a full disk) makes the
/// writer wait until one is trimmed or making one succeeds; nothing is lost and appenders meet the cache's bound.
/// </remarks>
internal sealed partial class WalSegments
{
    private readonly Lock _lock = new();
    private readonly IWalDevice _device;
    private readonly StreamStorageOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Action _starved;
    private readonly Queue<WalUsedSegment> _live;
    private readonly Queue<IWalSegment> _free;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IWalSegment? _current;
    private ulong _currentSequence;
    private long _position;
    private ulong _currentLastGroup;
    private ulong _firstLiveGroup;
    private ulong _durableFirstLiveGroup;
    private long _totalBytes;
    private bool _creating;
    private bool _aborted;

    public WalSegments(
        IWalDevice device, StreamStorageOptions options, TimeProvider time, ILogger logger, WalRecovered recovered, Action starved)
    {
        _device = device;
        _options = options;
        _time = time;
        _logger = logger;
        _starved = starved;
        _live = new Queue<WalUsedSegment>(recovered.Live);
        _free = new Queue<IWalSegment>(recovered.Free);
        _current = recovered.Current;
        _currentSequence = recovered.CurrentSequence;
        _position = recovered.Position;
        _currentLastGroup = recovered.NextGroup - 1;
        _firstLiveGroup = recovered.FirstLiveGroup;
        _durableFirstLiveGroup = recovered.FirstLiveGroup;
        _totalBytes = recovered.Live.Sum(s => s.Segment.Bytes) + recovered.Free.Sum(s => s.Bytes) + (_current?.Bytes ?? 0);
    }

    public ulong FirstLiveGroup
    {
        get
        {
            lock (_lock)
            {
                return _firstLiveGroup;
            }
        }
    }

    public long TotalBytes => Interlocked.Read(ref _totalBytes);

    /// <summary>The place in the present segment, or null when it has no room. The last page is kept for a marker.</summary>
    public WalPlace? TryPlace(long bytes)
    {
        if (_current is null || _position + bytes > _current.Bytes - WalFormat.AlignmentBytes)
        {
            return null;
        }

        return new WalPlace(_current, _currentSequence, _position);
    }

    /// <summary>Where a one-page marker goes: there is always room until the segment's last page was used.</summary>
    public WalPlace MarkerPlace() => _current is not null && _position + WalFormat.AlignmentBytes <= _current.Bytes
        ? new WalPlace(_current, _currentSequence, _position)
        : throw new InvalidOperationException("a segment of the write-ahead log has no room for a marker");

    /// <summary>The group placed last was written and synced; <paramref name="firstLiveGroup"/> is what its header said.</summary>
    public void Advance(long bytes, ulong group, ulong firstLiveGroup)
    {
        _position += bytes;
        _currentLastGroup = group;
        _durableFirstLiveGroup = Math.Max(_durableFirstLiveGroup, firstLiveGroup);
    }

    /// <summary>
    /// Takes the next segment into use, waiting for one if need be. <paramref name="writeMarker"/> is called before a
    /// segment is used again whose end of life only this process knows: recovery must not take it for a live one.
    /// </summary>
    public async ValueTask SwitchAsync(Func<ValueTask> writeMarker)
    {
        while (true)
        {
            Task changed;
            bool marker = false;
            lock (_lock)
            {
                if (_aborted)
                {
                    throw new StreamUnavailableException(
                        StreamUnavailableReason.Closed, "the write-ahead log was stopped while it waited for a segment to be free");
                }

                changed = _changed.Task;
                while (_free.TryDequeue(out IWalSegment? next))
                {
                    if (next.Bytes >= _options.WalSegmentBytes)
                    {
                        Use(next);
                        return;
                    }

                    // Made when the option was smaller: a group might not fit, so it is not used again.
                    _totalBytes -= next.Bytes;
                }

                if (_live.TryPeek(out WalUsedSegment oldest) && oldest.LastGroup < _firstLiveGroup)
                {
                    marker = oldest.LastGroup >= _durableFirstLiveGroup;
                    if (!marker)
                    {
                        _live.Dequeue();
                        _free.Enqueue(oldest.Segment);
                        continue;
                    }
                }
            }

            if (marker)
            {
                await writeMarker();
                continue;
            }

            if (!TryStartCreating())
            {
                _starved();
            }

            await changed;
        }
    }

    /// <summary>Makes sure that there is a segment to write to, and has more made in the background.</summary>
    public async ValueTask PrepareAsync(CancellationToken cancellation)
    {
        if (TotalBytes == 0)
        {
            IWalSegment segment = await _device.CreateSegmentAsync(_options.WalSegmentBytes, cancellation);
            lock (_lock)
            {
                _free.Enqueue(segment);
                _totalBytes += segment.Bytes;
            }
        }

        MakeSpare();
    }

    public void Trim(ulong group)
    {
        lock (_lock)
        {
            if (group < _firstLiveGroup)
            {
                return;
            }

            _firstLiveGroup = group + 1;
            SignalChange();
        }
    }

    /// <summary>Whoever waits for a segment gives up: there will be no more uploads.</summary>
    public void Abort()
    {
        lock (_lock)
        {
            _aborted = true;
            SignalChange();
        }
    }

    private void Use(IWalSegment next)
    {
        if (_current is not null)
        {
            _live.Enqueue(new WalUsedSegment(_current, _currentSequence, _currentLastGroup));
        }

        _current = next;
        _currentSequence++;
        _position = 0;
        MakeSpare();
    }

    /// <summary>Has one segment ready before it is needed, so that the writer does not wait for zeros to be written.</summary>
    private void MakeSpare()
    {
        lock (_lock)
        {
            bool reusable = _live.TryPeek(out WalUsedSegment oldest) && oldest.LastGroup < _firstLiveGroup;
            bool enough = _totalBytes >= _options.WalSegmentsAtStart * _options.WalSegmentBytes;
            if ((_free.Count > 0 || reusable) && enough)
            {
                return;
            }
        }

        TryStartCreating();
    }

    private bool TryStartCreating()
    {
        lock (_lock)
        {
            if (_creating)
            {
                return true;
            }

            if (_aborted || _totalBytes + _options.WalSegmentBytes > _options.WalBytesMax)
            {
                return false;
            }

            _creating = true;
        }

        _ = CreateAsync();
        return true;
    }

    private async Task CreateAsync()
    {
        try
        {
            IWalSegment segment = await _device.CreateSegmentAsync(_options.WalSegmentBytes);
            lock (_lock)
            {
                _free.Enqueue(segment);
                _totalBytes += segment.Bytes;
            }
        }
        catch (Exception failure)
        {
            LogNoSegment(_logger, _options.WalSegmentBytes, failure);
            _starved();
            await Task.Delay(TimeSpan.FromSeconds(1), _time);
        }

        lock (_lock)
        {
            _creating = false;
            SignalChange();
        }

        MakeSpare();
    }

    private void SignalChange()
    {
        TaskCompletionSource changed = _changed;
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        changed.TrySetResult();
    }

    [LoggerMessage(1, LogLevel.Error,
        "The write-ahead log can't make a segment of {Bytes} bytes; appends wait until there is room. Free some space, or see the cause")]
    private static partial void LogNoSegment(ILogger logger, long bytes, Exception cause);
}

/// <summary>A segment that was filled; it may be used again once no group up to its last one is live.</summary>
internal readonly record struct WalUsedSegment(IWalSegment Segment, ulong Sequence, ulong LastGroup);
