using Microsoft.Extensions.Logging;
using PipeRoll.Foundation.Buffers;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Cache;
using PipeRoll.Streams.Compaction;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Wal;

namespace PipeRoll.Streams;

/// <summary>
/// All streams of one broker: write-ahead log → log cache → objects, and reads from wherever the batches are.
/// </summary>
/// <remarks>
/// Owner: the server (or a simulated broker). Thread: any, except that <see cref="StartAsync"/> and
/// <see cref="StopAsync"/> are called once each; background work runs on the scheduler of the start. Failure: when the
/// log's device fails, every append in flight and later fails, <see cref="StreamStorageParts.OnFatal"/> is called, and
/// the process must end; whatever was acknowledged is recovered by the next start.
/// </remarks>
public sealed partial class StreamStorage : IStreamStorage, IWalReplay, IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<StreamId, StreamCore> _cores = [];
    private readonly HashSet<StreamCore> _released = [];
    private readonly StreamStorageParts _parts;
    private readonly BudgetedObjectStore _store;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _lifetime = new();
    private readonly CancellationTokenSource _background = new();
    private readonly Uploader _uploader;
    private readonly Cleaner _cleaner;
    private readonly OpenBatcher _opener;
    private readonly GapWatcher _gaps;
    private readonly ObjectCompactor _compactor;
    private Task _loops = Task.CompletedTask;
    private bool _stopping;
    private bool _disposed;

    /// <exception cref="ArgumentException">The options are wrong.</exception>
    public StreamStorage(StreamStorageOptions options, StreamStorageParts parts)
    {
        options.Validate();
        Options = options;
        _parts = parts;
        _logger = parts.Loggers.CreateLogger("PipeRoll.Streams");
        Metrics = new StreamMetrics();
        Cache = new LogCache(options.LogCacheBytesMax, options.UploadBytes, parts.Time);
        _store = new BudgetedObjectStore(parts.Objects, options, parts.Time, parts.Random, Metrics, _logger);
        Blocks = new BlockCache(StoreFor(StorePriority.ColdRead), options.BlockCacheBytesMax, _lifetime.Token);
        Health = new StorageHealth(parts.Time, _logger);
        Wal = MakeLog();
        Metrics.Observe(() => Wal.SizeBytes, () => Cache.TotalBytes, () => Blocks.Bytes);
        _gaps = new GapWatcher(this, _logger);
        _compactor = new ObjectCompactor(this, _logger);
        Metrics.Life.Observe(this, () => _cores.Count, () => _released.Count, () => _gaps.Count, () => _compactor.Backlog);
        _uploader = new Uploader(this, _logger);
        _cleaner = new Cleaner(this, _logger);
        _opener = new OpenBatcher(parts.Metadata);
    }

    public bool HasRoom => Cache.HasRoom;

    /// <summary>After the stop: everything that was acknowledged is committed, so that nobody needs this broker's log any more.</summary>
    public bool IsClean { get; private set; }

    /// <summary>Batches that the start had to read back from the log: none after a clean stop.</summary>
    public long RecoveredBatches { get; private set; }

    internal StreamStorageOptions Options { get; }

    internal IWriteAheadLog Wal { get; }

    internal SwapGate Swaps { get; } = new();

    internal LogCache Cache { get; }

    internal BatchPacker Packer { get; } = new();

    internal BlockCache Blocks { get; }

    internal StreamMetrics Metrics { get; }

    /// <summary>What the storage has noticed of what it depends on.</summary>
    public StorageHealth Health { get; }

    internal IMetadataStore Metadata => _parts.Metadata;

    internal BrokerEpoch Broker => _parts.Broker;

    internal bool IsCleaner => _parts.IsCleaner();

    internal TimeProvider Time => _parts.Time;

    public async ValueTask StartAsync(CancellationToken cancellation = default)
    {
        long replayed = await Wal.StartAsync(this, cancellation);
        CancellationToken background = _background.Token;
        List<Task> loops =
        [
            Background(() => _uploader.RunAsync(background)), Background(() => _cleaner.RunAsync(background)),
            Background(() => _compactor.RunAsync(background)),
        ];
        if (!Broker.IsNone)
        {
            loops.Add(Background(() => _uploader.RunReleasesAsync(background)));
            loops.Add(Background(() => _gaps.RunAsync(background)));
        }

        _loops = Task.WhenAll(loops);
        RecoveredBatches = replayed;
        if (replayed > 0)
        {
            LogRecovered(_logger, replayed, _cores.Count);
        }
    }

    public async ValueTask<IStream> OpenAsync(StreamId id, long epoch, IStreamObserver? observer, CancellationToken cancellation = default)
    {
        ThrowIfStopping();
        StreamCore core = GetOrAddCore(id);
        LogStream? before;
        lock (_lock)
        {
            core.Opening++;
            core.AttemptedEpoch = Math.Max(core.AttemptedEpoch, epoch);
            before = core.Writer;
        }

        try
        {
            if (before is not null && before.Epoch <= epoch)
            {
                before.MakeUnavailable(StreamUnavailableReason.Fenced, $"it was opened again under epoch {epoch}");
                await core.LastAppend.Follow().WaitAsync(cancellation);
            }

            StreamOpened opened = await _opener.OpenAsync(new StreamOpening(id, epoch, Broker), cancellation);
            if (opened.Error != StreamOpenError.None || core.Destroyed)
            {
                throw Refuse(id, epoch, opened);
            }

            StreamCore present = !Broker.IsNone && core.IsOutrunBy(opened.State) ? Succeed(core) : core;
            present.Load(opened.State);
            var stream = new LogStream(this, present, epoch, observer);
            lock (_lock)
            {
                present.Writer = stream;
            }

            if (present.HasGap)
            {
                _gaps.Watch(present);
            }

            return stream;
        }
        finally
        {
            lock (_lock)
            {
                core.Opening--;
            }
        }
    }

    public async ValueTask DestroyAsync(StreamId id, CancellationToken cancellation = default)
    {
        StreamCore? core;
        lock (_lock)
        {
            core = _cores.GetValueOrDefault(id);
        }

        if (core is not null)
        {
            core.Writer?.MakeUnavailable(StreamUnavailableReason.Closed, "it was destroyed");
            // A failed log has nothing in flight any more; the stream can be forgotten all the same.
            await core.LastAppend.Follow().WaitAsync(cancellation).ContinueWith(
                static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Current);
        }

        await Metadata.DestroyStreamAsync(id, "system", cancellation);
        Drop(id);
    }

    public ValueTask WaitForRoomAsync(CancellationToken cancellation = default) => Cache.WaitForRoomAsync(cancellation);

    /// <summary>Uploads everything confirmed so far; afterwards a crash would have nothing to recover but what came later.</summary>
    /// <returns>False when something has to wait for an earlier owner's part, or for an open that is under way.</returns>
    public ValueTask<bool> UploadNowAsync(CancellationToken cancellation = default) => _uploader.UploadAsync(cancellation);

    /// <summary>Deletes whatever is due now, without waiting for the next round.</summary>
    public ValueTask CleanNowAsync(CancellationToken cancellation = default) => _cleaner.CleanAsync(cancellation);

    /// <summary>Compacts objects now, as far as something is to be gained and the budget lasts. Returns whether anything was.</summary>
    public ValueTask<bool> CompactNowAsync(CancellationToken cancellation = default) => _compactor.CompactAsync(cancellation);

    /// <summary>
    /// Runs the upload of prepared objects, but for at most half of their time to live: a request sent last must have ended,
    /// one way or the other, when they expire. An object that arrives after its deletion would stay for ever.
    /// </summary>
    /// <exception cref="TimeoutException">The store did not take the objects in time.</exception>
    internal async ValueTask<T> UploadInTimeAsync<T>(Func<CancellationToken, ValueTask<T>> upload, CancellationToken cancellation)
    {
        TimeSpan limit = Options.PreparedTimeToLive / 2;
        using var late = new CancellationTokenSource(limit, Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
        try
        {
            return await upload(either.Token);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw new TimeoutException($"the object store did not take an upload within {limit}; it is given up and has to be made anew");
        }
    }

    internal void Uploaded(long bytes)
    {
        Metrics.Uploaded(bytes);
        _compactor.Budget.Uploaded(bytes);
    }

    internal bool Holds(StreamId id)
    {
        lock (_lock)
        {
            return _cores.ContainsKey(id) || _released.Any(core => core.Id == id);
        }
    }

    internal IObjectStore StoreFor(StorePriority priority) => _store.For(priority);

    internal ColdReader ColdReaderOf(StreamCore core) => core.Cold ??= new ColdReader(core.Id, Metadata, Blocks, Options, Metrics);

    internal void ThrowIfStopping()
    {
        if (Volatile.Read(ref _stopping))
        {
            throw new StreamUnavailableException(StreamUnavailableReason.Closed, "the storage is stopping");
        }
    }

    /// <summary>The metadata took none of what was uploaded for the stream: find out why, and act on it.</summary>
    internal async ValueTask<CommitRefusal> SettleRefusedAsync(StreamCore core, long epoch, CancellationToken cancellation)
    {
        IReadOnlyList<StreamState> state = await Metadata.ReadStreamsAsync([core.Id], cancellation);
        if (state.Count > 0)
        {
            lock (_lock)
            {
                if (core.Opening > 0)
                {
                    return CommitRefusal.TryLater;
                }
            }

            // It was opened here: while the upload ran, or by an open whose answer was lost, in this life or in the
            // former one, whose batches nobody else can have (another broker takes over the log before it opens).
            if (!core.Released && (core.Epoch > epoch || core.Writer is null || state[0].Epoch <= core.AttemptedEpoch))
            {
                core.Load(state[0]);
                return CommitRefusal.TryAgain;
            }
        }

        core.Writer?.MakeUnavailable(
            state.Count == 0 ? StreamUnavailableReason.Closed : StreamUnavailableReason.Fenced,
            state.Count == 0 ? "it was destroyed" : $"it was opened elsewhere under epoch {state[0].Epoch}");
        LogRefused(_logger, core.Id, core.Committed, core.Confirmed, state.Count == 0 ? "destroyed" : "opened elsewhere");
        await core.LastAppend.Follow().WaitAsync(cancellation);
        Drop(core);
        return CommitRefusal.Dropped;
    }

    private StreamCore GetOrAddCore(StreamId id)
    {
        lock (_lock)
        {
            if (!_cores.TryGetValue(id, out StreamCore? core))
            {
                _cores.Add(id, core = new StreamCore(id, Cache));
            }

            return core;
        }
    }

    private void Drop(StreamCore core)
    {
        lock (_lock)
        {
            if (!_released.Remove(core) && _cores.GetValueOrDefault(core.Id) == core)
            {
                _cores.Remove(core.Id);
            }
        }

        core.Destroy();
    }

    private void Drop(StreamId id)
    {
        List<StreamCore> gone;
        lock (_lock)
        {
            gone = [.. _released.Where(core => core.Id == id)];
            if (_cores.TryGetValue(id, out StreamCore? core))
            {
                gone.Add(core);
            }
        }

        gone.ForEach(Drop);
    }

    private static StreamUnavailableException Refuse(StreamId id, long epoch, StreamOpened opened) => opened.Error switch
    {
        StreamOpenError.Fenced => new StreamUnavailableException(
            StreamUnavailableReason.Fenced, $"stream {id} can't be opened under epoch {epoch}: it has epoch {opened.State.Epoch}"),
        _ => new StreamUnavailableException(StreamUnavailableReason.Closed, $"there is no stream {id}: it was never made, or was destroyed"),
    };

    private static Task Background(Func<Task> loop) =>
        Task.Factory.StartNew(loop, CancellationToken.None, TaskCreationOptions.None, TaskScheduler.Current).Unwrap();

    [LoggerMessage(10, LogLevel.Information, "{Batches} batches of {Streams} streams were recovered from the write-ahead log")]
    private static partial void LogRecovered(ILogger logger, long batches, int streams);

    [LoggerMessage(12, LogLevel.Warning, "Offsets {From} to {To} of stream {Stream} are dropped: the stream was {Why}")]
    private static partial void LogRefused(ILogger logger, StreamId stream, long from, long to, string why);
}
