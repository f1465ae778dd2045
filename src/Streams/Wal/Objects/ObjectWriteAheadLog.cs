using Microsoft.Extensions.Logging;
using PipeRoll.Foundation.Hashing;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams.Wal.Objects;

/// <summary>
/// The write-ahead log of one life of a broker: numbered objects, created only where there is none, several under way at a time, acknowledged
/// strictly in order. Protocol and the reasons why it is safe: docs/formats/object-wal.md.
/// </summary>
/// <remarks>
/// Owner: <see cref="StreamStorage"/>. Threads: appenders add to the open group under a lock; requests run on the scheduler on which
/// the log was made; the confirmer (a mailbox) tells the clients. Failure: when an object can't be ours (somebody has put the fence there)
/// or the store refuses it for good, that group and all after it fail, no further one is taken, and <c>OnFatal</c> is called once; what was
/// stored before is still confirmed. Transient failures of the store only delay.
/// </remarks>
internal sealed partial class ObjectWriteAheadLog : IWriteAheadLog, IDisposable
{
    private readonly Lock _lock = new();
    private readonly ObjectWalContext _context;
    private readonly TaskScheduler _scheduler = TaskScheduler.Current;
    private readonly long _startedAt;
    private readonly WalPacer _pacer;
    private readonly LatencyWindow _latency;
    private readonly ObjectWalSender _sender;
    private readonly ObjectWalTrimmer _trimmer;
    private readonly ITimer _timer;
    private readonly Mailbox<ObjectWalGroup> _confirmer;
    private readonly CancellationTokenSource _abort = new();

    /// <summary>Not yet sent, in order; the last one may be open.</summary>
    private readonly Queue<ObjectWalGroup> _waiting = new();

    /// <summary>Sent and not yet confirmed, in order of their numbers.</summary>
    private readonly List<ObjectWalGroup> _sent = [];

    /// <summary>Sizes of what is stored and not trimmed.</summary>
    private readonly Queue<(long Number, long Bytes)> _sizes = new();
    private ObjectWalGroup? _open;
    private Task _newest = Task.CompletedTask;
    private TaskCompletionSource? _idle;
    private Exception? _failure;
    private TimeSpan? _wakesAt;
    private long _nextNumber = ObjectWalFormat.FirstNumber;
    private long _failedFrom = long.MaxValue;
    private long _inFlightBytes;
    private long _sizeBytes;
    private int _inFlight;
    private bool _pumping;
    private bool _drained;
    private bool _stopped;
    private ulong _confirmedGroup;

    public ObjectWriteAheadLog(ObjectWalContext context)
    {
        _context = context;
        _startedAt = context.Time.GetTimestamp();
        _pacer = new WalPacer(context.Options);
        _latency = new LatencyWindow(context.Time);
        _sender = new ObjectWalSender(context);
        _trimmer = new ObjectWalTrimmer(context, fenced => Fail(long.MaxValue, fenced));
        _timer = context.Time.CreateTimer(static log => ((ObjectWriteAheadLog)log!).Wake(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        // Groups hold what the log cache has admitted, so the cache's bound in bytes is theirs as well.
        _confirmer = new Mailbox<ObjectWalGroup>(Confirm, long.MaxValue, failure => Fail(ObjectWalFormat.FirstNumber, failure));
    }

    /// <summary>A group takes one batch at least, whatever its size up to this.</summary>
    public int BatchBytesMax => 16 * 1024 * 1024;

    public ulong ConfirmedGroup => Volatile.Read(ref _confirmedGroup);

    public long SizeBytes
    {
        get
        {
            lock (_lock)
            {
                return _sizeBytes;
            }
        }
    }

    public double LatencyMs
    {
        get
        {
            double oldestMs = 0;
            lock (_lock)
            {
                // What hangs counts as well: else a store that answers nothing any more would look idle.
                foreach (ObjectWalGroup group in _sent.Where(static g => !g.IsStored).Take(1))
                {
                    oldestMs = (Now - group.Group.SentAt).TotalMilliseconds;
                }
            }

            return Math.Max(oldestMs, _latency.Percentile(0.99));
        }
    }

    private TimeSpan Now => _context.Time.GetElapsedTime(_startedAt);

    /// <summary>A life starts with an empty log; that of an earlier one is recovered as any dead broker's is.</summary>
    public ValueTask<long> StartAsync(IWalReplay replay, CancellationToken cancellation) => ValueTask.FromResult(0L);

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
            if (_open is null || !_open.Group.HasRoomFor(batch.Bytes.Length, _context.Options.WalGroupBytesMax))
            {
                _waiting.Enqueue(_open = new ObjectWalGroup());
                _newest = _open.Group.Done;
            }

            // The request and the client's observers read the bytes later, when caches and callers may have let go of them.
            batch.Owner?.AddReference();
            _open.Group.Add(new WalRecord(stream, epoch, batch, crc, client));
            Schedule();
            return _open.Group.Done;
        }
    }

    public void Flush()
    {
        lock (_lock)
        {
            Hurry();
        }
    }

    public void Trim(ulong group)
    {
        lock (_lock)
        {
            while (_sizes.TryPeek(out (long Number, long Bytes) oldest) && oldest.Number <= (long)group)
            {
                _sizeBytes -= oldest.Bytes;
                _sizes.Dequeue();
            }
        }

        _trimmer.Trim((long)group);
    }

    /// <summary>
    /// Looks whether the fence stands under the next number: where it does when everything sent before was stored. What is under way finds out
    /// by itself.
    /// </summary>
    public async ValueTask LookForFenceAsync(CancellationToken cancellation)
    {
        long next;
        lock (_lock)
        {
            if (_inFlight > 0 || _failure is not null || _stopped)
            {
                return;
            }

            next = _nextNumber;
        }

        if (await _sender.FindFenceAsync(next, cancellation) is { } fenced)
        {
            Fail(next, fenced);
        }
    }

    public Task DrainAsync()
    {
        lock (_lock)
        {
            _drained = true;
            Hurry();
            return _newest;
        }
    }

    /// <summary>
    /// Ends after everything appended is durable. With <paramref name="clean"/>, which the caller may only say when all of it is committed, the
    /// trim point is recorded behind the log's end; else what the store has not taken within <see cref="StreamStorageOptions.WalStopPatience"/> fails.
    /// </summary>
    public async ValueTask StopAsync(bool clean)
    {
        Task newest;
        Task idle;
        lock (_lock)
        {
            _stopped = true;
            Hurry();
            newest = _newest;
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            idle = _idle.Task;
            EndIfIdle();
        }

        using (var patience = new CancellationTokenSource(_context.Options.WalStopPatience, _context.Time))
        {
            await using CancellationTokenRegistration giveUp = patience.Token.Register(_abort.Cancel);
            await idle;
        }

        await _confirmer.CloseAsync();
        await _timer.DisposeAsync();
        await _trimmer.StopAsync(clean && newest.IsCompletedSuccessfully ? _nextNumber - 1 : null);
        if (clean)
        {
            await newest;
        }
    }

    /// <summary>After the stop.</summary>
    public void Dispose()
    {
        _abort.Dispose();
        _trimmer.Dispose();
        _timer.Dispose();
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

    /// <summary>Everything that waits is written as soon as there is room for it. Under the lock.</summary>
    private void Hurry()
    {
        foreach (ObjectWalGroup group in _waiting)
        {
            group.IsUrgent = true;
        }

        Schedule();
    }

    /// <summary>Sees to it that the first waiting group is sent when it is due. Under the lock.</summary>
    private void Schedule()
    {
        if (_pumping || !_waiting.TryPeek(out ObjectWalGroup? next) || !HasRoomFor(next))
        {
            return; // the end of a request comes back here
        }

        TimeSpan now = Now;
        TimeSpan wait = WaitFor(next, now);
        if (wait <= TimeSpan.Zero)
        {
            // Not at once: whatever is being appended beside it goes along.
            _pumping = true;
            _ = Task.Factory.StartNew(Pump, CancellationToken.None, TaskCreationOptions.DenyChildAttach, _scheduler);
        }
        else if (_wakesAt is not { } wakesAt || now + wait < wakesAt - TimeSpan.FromMilliseconds(1))
        {
            // Timers count whole milliseconds: rounded down, it would come too early and be set again.
            wait = TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds));
            _wakesAt = now + wait;
            _timer.Change(wait, Timeout.InfiniteTimeSpan);
        }
    }

    private void Wake()
    {
        lock (_lock)
        {
            _wakesAt = null;
            Schedule();
        }
    }

    private void Pump()
    {
        lock (_lock)
        {
            _pumping = false;
            TimeSpan now = Now;
            while (_waiting.TryPeek(out ObjectWalGroup? next) && HasRoomFor(next) && WaitFor(next, now) <= TimeSpan.Zero)
            {
                _waiting.Dequeue();
                Send(next, now);
            }

            Schedule();
        }
    }

    /// <summary>A group that is full, or that somebody waits for, goes at once.</summary>
    private TimeSpan WaitFor(ObjectWalGroup next, TimeSpan now) => next != _open || next.IsUrgent ? TimeSpan.Zero : _pacer.DueIn(now, next.Group.BodyBytes);

    private bool HasRoomFor(ObjectWalGroup next) => _inFlight == 0
        || (_inFlight < _context.Options.WalInFlightMax
            && _inFlightBytes + next.Group.PayloadBytes <= _context.Options.WalInFlightBytesMax);

    private void Send(ObjectWalGroup group, TimeSpan now)
    {
        _pacer.Sent(now, group.Group.BodyBytes);
        if (_open == group)
        {
            _open = null;
        }

        group.Group.Sequence = (ulong)_nextNumber++;
        group.Group.SentAt = now;
        group.IsUnderWay = true;
        _sent.Add(group);
        _inFlight++;
        _inFlightBytes += group.Group.PayloadBytes;
        _ = Task.Factory.StartNew(() => PutAsync(group), CancellationToken.None, TaskCreationOptions.DenyChildAttach, _scheduler);
    }

    private async Task PutAsync(ObjectWalGroup group)
    {
        Exception? failure = null;
        try
        {
            await _sender.PutAsync(group.Group, _abort.Token);
        }
        catch (Exception failed)
        {
            failure = failed;
        }

        long bytes = group.Group.PayloadBytes;
        lock (_lock)
        {
            group.IsUnderWay = false;
            _inFlight--;
            _inFlightBytes -= bytes;
            if (group.HasFailed)
            {
                group.Release();
            }
            else if (failure is null)
            {
                Stored(group, bytes);
            }
        }

        if (failure is not null)
        {
            Fail(group.Number, failure);
        }

        lock (_lock)
        {
            Schedule();
            EndIfIdle();
        }
    }

    private void Stored(ObjectWalGroup group, long bytes)
    {
        TimeSpan taken = Now - group.Group.SentAt;
        _latency.Add(taken);
        _pacer.Stored(_latency.MedianMs ?? 0);
        _context.Metrics.GroupSynced(bytes, group.Group.Records.Count, taken);
        _sizes.Enqueue((group.Number, bytes));
        _sizeBytes += bytes;
        group.IsStored = true;

        // Posted under the lock, so that the confirmer sees them in order.
        int confirmed = 0;
        while (confirmed < _sent.Count && _sent[confirmed].IsStored)
        {
            _confirmer.TryPost(_sent[confirmed++]);
        }

        _sent.RemoveRange(0, confirmed);
    }

    private ValueTask Confirm(ObjectWalGroup group)
    {
        foreach (WalRecord record in group.Group.Records)
        {
            record.Client!.Confirmed(record.Batch);
        }

        Volatile.Write(ref _confirmedGroup, group.Group.Sequence);
        group.Group.Complete();
        group.Release();
        return ValueTask.CompletedTask;
    }

    /// <summary>The groups from <paramref name="number"/> on, and all that were not sent, are lost; those before it may yet be stored and confirmed.</summary>
    private void Fail(long number, Exception failure)
    {
        bool first;
        bool stopped;
        lock (_lock)
        {
            stopped = _stopped;
            first = _failure is null;
            _failure ??= failure;
            _open = null;
            _failedFrom = Math.Min(_failedFrom, number);
            StreamUnavailableException unavailable = Unavailable(_failure);
            foreach (ObjectWalGroup group in _sent.Where(g => g.Number >= _failedFrom))
            {
                group.Fail(unavailable);
            }

            _sent.RemoveAll(g => g.Number >= _failedFrom);
            while (_waiting.TryDequeue(out ObjectWalGroup? group))
            {
                group.Fail(unavailable);
            }
        }

        if (first && !stopped)
        {
            LogFailed(_context.Logger, _context.Broker, failure);
            _context.OnFatal(failure);
        }
    }

    private void EndIfIdle()
    {
        if (_inFlight == 0 && _waiting.Count == 0)
        {
            _idle?.TrySetResult();
        }
    }

    private static StreamUnavailableException Unavailable(Exception failure) => failure is BrokerFencedException
        ? new StreamUnavailableException(StreamUnavailableReason.Fenced, failure.Message, failure)
        : new StreamUnavailableException(
            StreamUnavailableReason.Failed, "the write-ahead log can't be written; restart the broker: " + failure.Message, failure);

    [LoggerMessage(52, LogLevel.Critical, "The log of broker life {Broker} has ended: nothing more is acknowledged, and the process must end")]
    private static partial void LogFailed(ILogger logger, BrokerEpoch broker, Exception failure);
}
