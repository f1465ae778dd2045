using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Partitions;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Shares;

/// <summary>One partition of a share group at the broker that leads it: the state, its writes, and the clock of its locks.</summary>
/// <remarks>
/// Owner: <see cref="SharePartitions"/>. Any thread. Nothing waits under the lock; changes that come while one is written are written
/// together. Failure: a state that could not be written is given up and read anew: what was not acknowledged durably is given out again.
/// </remarks>
internal sealed class SharePartition : IDisposable
{
    private readonly Lock _gate = new();
    private readonly ShareServices _services;
    private readonly ITimer _timer;
    private readonly SharePartitionState _state;
    private TaskCompletionSource<KafkaError>? _nextWrite;
    private Task<KafkaError> _lastWrite = Task.FromResult(KafkaError.None);
    private bool _isWriting;
    private bool _isGivenUp;
    private long _armedMs = long.MaxValue;

    public SharePartition(SharePartitionKey key, Partition log, int leaderEpoch, SharePartitionState state, ShareServices services)
    {
        Key = key;
        Log = log;
        LeaderEpoch = leaderEpoch;
        _state = state;
        _services = services;
        _timer = services.Time.CreateTimer(
            static partition => ((SharePartition)partition!).TimePassed(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public SharePartitionKey Key { get; }

    public Partition Log { get; }

    /// <summary>Under which the state was read: under another, somebody else may have changed it.</summary>
    public int LeaderEpoch { get; }

    /// <summary>To be read anew.</summary>
    public bool IsGivenUp
    {
        get
        {
            lock (_gate)
            {
                return _isGivenUp;
            }
        }
    }

    public long StartOffset
    {
        get
        {
            lock (_gate)
            {
                return _state.StartOffset;
            }
        }
    }

    /// <summary>Where to read for somebody who wants records; null when as many are out as may be.</summary>
    public long? NextOffset()
    {
        lock (_gate)
        {
            if (!_isGivenUp && _state.Trim(Math.Max(Log.LogStartOffset, 0)))
            {
                Persist();
            }

            return _state.NextOffset;
        }
    }

    /// <param name="left">Stretches that nobody may have: they are done with.</param>
    public IReadOnlyList<AcquiredRange> Acquire(
        string memberId, long first, long last, int recordsMax, IReadOnlyList<(long First, long Last)> left)
    {
        lock (_gate)
        {
            if (_isGivenUp)
            {
                return [];
            }

            bool changes = false;
            foreach ((long from, long to) in left)
            {
                changes |= _state.Archive(from, to);
            }

            if (changes)
            {
                Persist();
            }

            long until = _services.Clock.NowMs + _services.Settings.ShareRecordLockMs(Key.GroupId);
            IReadOnlyList<AcquiredRange> acquired = _state.Acquire(memberId, first, last, recordsMax, until);
            Arm();
            return acquired;
        }
    }

    /// <summary>Ends when what was acknowledged is durable.</summary>
    public Task<KafkaError> AcknowledgeAsync(string memberId, IReadOnlyList<ShareAckBatch> batches)
    {
        lock (_gate)
        {
            KafkaError error = _isGivenUp ? KafkaError.InvalidRecordState : _state.Acknowledge(memberId, batches);
            return error == KafkaError.None ? PersistAndWake() : Task.FromResult(error);
        }
    }

    /// <summary>A member is gone: others may have what it had.</summary>
    public Task<KafkaError> ReleaseAsync(string memberId)
    {
        lock (_gate)
        {
            return !_isGivenUp && _state.Release(memberId) ? PersistAndWake() : Task.FromResult(KafkaError.None);
        }
    }

    /// <summary>Writes a state that was just made.</summary>
    public Task<KafkaError> BeginAsync()
    {
        lock (_gate)
        {
            return Persist();
        }
    }

    /// <summary>Ends when nothing is being written any more, after it was given up: only then may the state be read by somebody else.</summary>
    public Task WhenWrittenAsync()
    {
        lock (_gate)
        {
            return _lastWrite;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isGivenUp = true;
        }

        _timer.Dispose();
    }

    private void TimePassed()
    {
        lock (_gate)
        {
            _armedMs = long.MaxValue;
            if (!_isGivenUp && _state.Tick(_services.Clock.NowMs))
            {
                PersistAndWake();
            }

            Arm();
        }
    }

    private void Arm()
    {
        long next = _state.NextDeadlineMs;
        if (!_isGivenUp && next < _armedMs)
        {
            _armedMs = next;
            _timer.Change(TimeSpan.FromMilliseconds(Math.Max(next - _services.Clock.NowMs, 1)), Timeout.InfiniteTimeSpan);
        }
    }

    private Task<KafkaError> PersistAndWake()
    {
        Task<KafkaError> written = Persist();
        Log.Waiters.WakeAll();
        return written;
    }

    /// <summary>Under the lock. Ends when the state as it is now, or a later one, is durable.</summary>
    private Task<KafkaError> Persist()
    {
        _nextWrite ??= new TaskCompletionSource<KafkaError>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<KafkaError> written = _lastWrite = _nextWrite.Task;
        if (!_isWriting)
        {
            _isWriting = true;
            _services.Background.Start(WriteAsync);
        }

        return written;
    }

    private async Task WriteAsync()
    {
        while (true)
        {
            TaskCompletionSource<KafkaError> writing;
            ShareSnapshot snapshot;
            lock (_gate)
            {
                if (_nextWrite is null)
                {
                    _isWriting = false;
                    return;
                }

                writing = _nextWrite;
                _nextWrite = null;
                snapshot = _state.Snapshot();
            }

            KafkaError error;
            try
            {
                error = await _services.States.WriteAsync(Key, snapshot, _services.Stopping);
            }
            catch (OperationCanceledException)
            {
                error = KafkaError.CoordinatorNotAvailable;
            }

            if (error != KafkaError.None)
            {
                lock (_gate)
                {
                    _isGivenUp = true;
                }
            }

            writing.SetResult(error);
        }
    }
}
