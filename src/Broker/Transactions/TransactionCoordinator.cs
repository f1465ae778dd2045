using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Groups;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Transactions;

/// <summary>What the coordinator needs from outside.</summary>
/// <param name="NewProducerId">A producer id that nobody was ever given.</param>
/// <param name="Markers">Writes the markers of decided transactions to the leaders of their partitions.</param>
internal sealed record TransactionServices(
    TransactionOptions Options, ITransactionLog Log, TimeProvider Time, GroupClock Clock,
    Func<CancellationToken, ValueTask<long>> NewProducerId, IMarkerWriter Markers, ILogger Logger);

/// <summary>
/// The transactions of all ids that this broker coordinates: those of the partitions of the transaction log that it leads.
/// </summary>
/// <remarks>
/// Owner: the broker, which disposes it before the partitions close. Any thread. Each change is in the log before anybody is told of
/// it; while it is on its way, nothing else may be decided about the id. A decided transaction is completed in the background, by
/// whoever coordinates the id then, for as long as that takes.
/// </remarks>
internal sealed partial class TransactionCoordinator : IAsyncDisposable
{
    private const int LoadWaitMaxMs = 1_000;
    private const int LoadPollMs = 10;
    private const int RetryMs = 200;

    private readonly TransactionServices _services;
    private readonly TransactionLoader _loader;
    private readonly ConcurrentDictionary<string, TransactionEntry> _entries = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private readonly BackgroundTasks _background = new();
    private readonly Lock _gate = new();

    public TransactionCoordinator(TransactionServices services)
    {
        _services = services;
        _loader = new TransactionLoader(
            services.Log, services.Time, services.Logger, new TransactionLoaderCallbacks(Loaded, Unloaded), _stopping.Token);
    }

    public TransactionOptions Options => _services.Options;

    /// <summary>Loads the transactions in the background if there are any, and starts to look for those whose time is up.</summary>
    public void Start()
    {
        _background.Start(CheckLoopAsync);
        _services.Log.TermChanged += _loader.TermChanged;
        if (_services.Log.IsReady)
        {
            _loader.Start();
        }
    }

    /// <summary>
    /// Whether this broker can serve the id now. NOT_COORDINATOR when another broker leads its partition;
    /// COORDINATOR_LOAD_IN_PROGRESS until that is loaded, which asking begins.
    /// </summary>
    public KafkaError Status(string transactionalId)
    {
        if (_stopping.IsCancellationRequested)
        {
            return KafkaError.CoordinatorNotAvailable;
        }

        return _loader.StateOf(transactionalId, out _) switch
        {
            LoadState.Loaded => KafkaError.None,
            LoadState.Loading => KafkaError.CoordinatorLoadInProgress,
            _ => KafkaError.NotCoordinator,
        };
    }

    public async Task<TransactionStep> InitAsync(string transactionalId, InitCall call, CancellationToken cancellation)
    {
        if (call.TimeoutMs <= 0 || call.TimeoutMs > _services.Options.TimeoutMaxMs)
        {
            return new TransactionStep(KafkaError.InvalidTransactionTimeout);
        }

        return await ApplyAsync(
            transactionalId, (current, freshId, nowMs) => TransactionCore.Init(current, call, freshId, nowMs), isNew: true, cancellation);
    }

    public async Task<KafkaError> AddAsync(
        string transactionalId, long producerId, short epoch, IReadOnlyCollection<TransactionPartition> partitions, short clientVersion,
        CancellationToken cancellation)
    {
        int partitionsMax = _services.Options.PartitionsMax;
        TransactionStep step = await ApplyAsync(
            transactionalId,
            (current, _, nowMs) => TransactionCore.Add(current, producerId, epoch, partitions, clientVersion, partitionsMax, nowMs),
            isNew: false, cancellation);
        return step.Error;
    }

    public async Task<KafkaError> VerifyAsync(string transactionalId, long producerId, short epoch, TransactionPartition partition)
    {
        await WhenLoadedAsync(transactionalId, _stopping.Token);
        KafkaError status = Status(transactionalId);
        if (status != KafkaError.None)
        {
            return status;
        }

        if (_entries.GetValueOrDefault(transactionalId) is not { } entry)
        {
            return KafkaError.InvalidProducerIdMapping;
        }

        lock (entry.Gate)
        {
            return TransactionCore.Verify(entry.Current, producerId, epoch, partition);
        }
    }

    /// <summary>Decides; the markers are written after the answer.</summary>
    public Task<TransactionStep> EndAsync(string transactionalId, EndCall call, CancellationToken cancellation) => ApplyAsync(
        transactionalId, (current, freshId, nowMs) => TransactionCore.End(current, call, freshId, nowMs), isNew: false, cancellation);

    /// <returns>The id as it is stored; null when there is none.</returns>
    public (KafkaError Error, TransactionRecord? Record) Describe(string transactionalId)
    {
        KafkaError error = Status(transactionalId);
        if (error != KafkaError.None || _entries.GetValueOrDefault(transactionalId) is not { } entry)
        {
            return (error, null);
        }

        lock (entry.Gate)
        {
            return (KafkaError.None, entry.Current);
        }
    }

    /// <summary>What is loaded so far; the error says whether more will come.</summary>
    public (KafkaError Error, IReadOnlyList<(string Id, TransactionRecord Record)> Transactions) List()
    {
        if (_stopping.IsCancellationRequested)
        {
            return (KafkaError.CoordinatorNotAvailable, []);
        }

        List<(string Id, TransactionRecord Record)> listed = [];
        foreach (TransactionEntry entry in _entries.Values)
        {
            lock (entry.Gate)
            {
                if (entry.Current is { } record)
                {
                    listed.Add((entry.TransactionalId, record));
                }
            }
        }

        return (_loader.IsLoading ? KafkaError.CoordinatorLoadInProgress : KafkaError.None, listed);
    }

    public long NowMs => _services.Clock.NowMs;

    public async ValueTask DisposeAsync()
    {
        _stopping.Cancel();
        _services.Log.TermChanged -= _loader.TermChanged;
        await _loader.WhenStoppedAsync();
        await _background.WhenAllAsync();
        _loader.Dispose();
        _stopping.Dispose();
    }

    /// <summary>
    /// Ends when the id's partition is loaded, or after a moment: a client that is told to come again sleeps longer than most loads take.
    /// </summary>
    private async Task WhenLoadedAsync(string transactionalId, CancellationToken cancellation)
    {
        int waitedMs = 0;
        while (waitedMs < LoadWaitMaxMs && Status(transactionalId) == KafkaError.CoordinatorLoadInProgress)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(LoadPollMs), _services.Time, cancellation);
            waitedMs += LoadPollMs;
        }
    }

    /// <summary>
    /// Carries out a transition; what another one is in the way of waits for a while, for clients pause long when they are told to come again.
    /// </summary>
    private async Task<TransactionStep> ApplyAsync(
        string transactionalId, Func<TransactionRecord?, long?, long, TransactionStep> transition, bool isNew, CancellationToken cancellation)
    {
        await WhenLoadedAsync(transactionalId, cancellation);
        long deadlineMs = _services.Clock.NowMs + _services.Options.SettleWaitMs;
        while (true)
        {
            (TransactionStep step, Task? changed) = await TryApplyAsync(transactionalId, transition, isNew);
            long leftMs = deadlineMs - _services.Clock.NowMs;
            if (step.Error != KafkaError.ConcurrentTransactions || changed is null || leftMs <= 0)
            {
                return step;
            }

            try
            {
                await changed.Follow().WaitAsync(TimeSpan.FromMilliseconds(leftMs), _services.Time, cancellation);
            }
            catch (TimeoutException)
            {
                return step;
            }
        }
    }

    /// <returns>With CONCURRENT_TRANSACTIONS, the task that ends when it is worth another try.</returns>
    private async Task<(TransactionStep Step, Task? Changed)> TryApplyAsync(
        string transactionalId, Func<TransactionRecord?, long?, long, TransactionStep> transition, bool isNew)
    {
        long? freshId = null;
        while (true)
        {
            (TransactionEntry? entry, KafkaError refused) = Find(transactionalId, isNew);
            if (entry is null)
            {
                return (new TransactionStep(refused), null);
            }

            TransactionStep step;
            Task<KafkaError>? append = null;
            Task changed;
            lock (entry.Gate)
            {
                changed = entry.Changed;
                if (entry.HasGone)
                {
                    return (new TransactionStep(KafkaError.NotCoordinator), null);
                }

                if (entry.IsStoring)
                {
                    return (new TransactionStep(KafkaError.ConcurrentTransactions), changed);
                }

                step = transition(entry.Current, freshId, _services.Clock.NowMs);
                if (step.Next is { } next)
                {
                    entry.BeginStoring();
                    append = _services.Log.AppendAsync(entry.Home.Partition, entry.Home.Term, transactionalId, next);
                }
            }

            if (append is not null)
            {
                return (await StoredAsync(entry, step, append), entry.Changed);
            }

            if (!step.NeedsProducerId)
            {
                return (step, changed);
            }

            try
            {
                freshId = await _services.NewProducerId(_stopping.Token);
            }
            catch (MetadataUnavailableException)
            {
                return (new TransactionStep(KafkaError.CoordinatorNotAvailable), null);
            }
        }
    }

    private async Task<TransactionStep> StoredAsync(TransactionEntry entry, TransactionStep step, Task<KafkaError> append)
    {
        KafkaError error = await EndOf(entry, append);
        lock (entry.Gate)
        {
            entry.EndStoring(error == KafkaError.None ? step.Next : null);
        }

        if (error != KafkaError.None)
        {
            return new TransactionStep(OfStore(error));
        }

        CompleteIfDecided(entry);
        return step;
    }

    private (TransactionEntry? Entry, KafkaError Error) Find(string transactionalId, bool isNew)
    {
        KafkaError status = Status(transactionalId);
        if (status != KafkaError.None)
        {
            return (null, status);
        }

        if (_entries.TryGetValue(transactionalId, out TransactionEntry? known))
        {
            return (known, KafkaError.None);
        }

        if (!isNew)
        {
            return (null, KafkaError.InvalidProducerIdMapping);
        }

        lock (_gate)
        {
            if (_entries.TryGetValue(transactionalId, out known))
            {
                return (known, KafkaError.None);
            }

            // Under the lock: what is added after its term has ended would stay.
            if (_loader.StateOf(transactionalId, out TransactionHome home) != LoadState.Loaded)
            {
                return (null, KafkaError.NotCoordinator);
            }

            if (_entries.Count >= _services.Options.IdsMax)
            {
                LogFull(_services.Logger, transactionalId, _services.Options.IdsMax);
                return (null, KafkaError.PolicyViolation);
            }

            TransactionEntry added = new(transactionalId, home);
            _entries[transactionalId] = added;
            return (added, KafkaError.None);
        }
    }

    private void Loaded(TransactionHome home, IReadOnlyDictionary<string, TransactionRecord> records)
    {
        List<TransactionEntry> decided = [];
        lock (_gate)
        {
            foreach ((string transactionalId, TransactionRecord record) in records)
            {
                TransactionEntry entry = new(transactionalId, home, record);
                if (_entries.TryAdd(transactionalId, entry) && record.IsDecided)
                {
                    decided.Add(entry);
                }
            }
        }

        LogLoaded(_services.Logger, home.Partition, records.Count, decided.Count);
        decided.ForEach(CompleteIfDecided);
    }

    /// <summary>Another broker coordinates these ids now: whoever waits here is sent there, and nothing is written any more.</summary>
    private void Unloaded(TransactionHome home)
    {
        TransactionEntry[] gone;
        lock (_gate)
        {
            gone = [.. _entries.Values.Where(entry => entry.Home == home)];
            foreach (TransactionEntry entry in gone)
            {
                _entries.TryRemove(KeyValuePair.Create(entry.TransactionalId, entry));
            }
        }

        foreach (TransactionEntry entry in gone)
        {
            lock (entry.Gate)
            {
                entry.Leave();
            }
        }
    }

    private void CompleteIfDecided(TransactionEntry entry)
    {
        TransactionRecord? decided;
        lock (entry.Gate)
        {
            decided = entry.HasGone || _stopping.IsCancellationRequested ? null : entry.Current;
        }

        if (decided is { IsDecided: true })
        {
            _background.Start(() => CompleteAsync(entry, decided));
        }
    }

    /// <summary>Has all markers written, then stores that the transaction is over; goes on until that has worked or is another broker's.</summary>
    private async Task CompleteAsync(TransactionEntry entry, TransactionRecord decided)
    {
        try
        {
            int coordinatorEpoch = _services.Log.CoordinatorEpochOf(entry.Home.Partition);
            bool IsWanted() => !entry.HasGone;
            if (!await _services.Markers.WriteAsync(entry.TransactionalId, decided, coordinatorEpoch, IsWanted, _stopping.Token))
            {
                return;
            }

            while (IsWanted())
            {
                Task<KafkaError> append;
                TransactionRecord complete = TransactionCore.Complete(decided, _services.Clock.NowMs);
                lock (entry.Gate)
                {
                    entry.BeginStoring();
                    append = _services.Log.AppendAsync(entry.Home.Partition, entry.Home.Term, entry.TransactionalId, complete);
                }

                KafkaError error = await EndOf(entry, append);
                lock (entry.Gate)
                {
                    entry.EndStoring(error == KafkaError.None ? complete : null);
                }

                if (error == KafkaError.None)
                {
                    return;
                }

                await Task.Delay(TimeSpan.FromMilliseconds(RetryMs), _services.Time, _stopping.Token);
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The broker stops: whoever loads the id next goes on.
        }
    }

    private async Task CheckLoopAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(_services.Options.TimeoutCheckMs), _services.Time, _stopping.Token);
                foreach (TransactionEntry entry in _entries.Values)
                {
                    await CheckAsync(entry);
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The broker stops.
        }
    }

    private async ValueTask CheckAsync(TransactionEntry entry)
    {
        long nowMs = _services.Clock.NowMs;
        TransactionRecord? current;
        lock (entry.Gate)
        {
            current = entry.IsStoring || entry.HasGone ? null : entry.Current;
        }

        if (current is null)
        {
            return;
        }

        if (current.HasTimedOut(nowMs))
        {
            LogTimedOut(_services.Logger, entry.TransactionalId, current.TimeoutMs);
            await TryApplyAsync(
                entry.TransactionalId,
                (now, _, atMs) => now is not null && now.HasTimedOut(atMs)
                    ? new TransactionStep(KafkaError.None, TransactionCore.Fence(now, atMs))
                    : new TransactionStep(KafkaError.None),
                isNew: false);
        }
        else if (current.IsAtRest && nowMs - current.UpdatedMs >= _services.Options.IdExpirationMs)
        {
            await ForgetAsync(entry, current);
        }
    }

    private async Task ForgetAsync(TransactionEntry entry, TransactionRecord expired)
    {
        Task<KafkaError> append;
        lock (entry.Gate)
        {
            if (entry.IsStoring || entry.HasGone || !ReferenceEquals(entry.Current, expired))
            {
                return;
            }

            entry.BeginStoring();
            append = _services.Log.AppendAsync(entry.Home.Partition, entry.Home.Term, entry.TransactionalId, null);
        }

        KafkaError error = await EndOf(entry, append);
        if (error == KafkaError.None)
        {
            _entries.TryRemove(KeyValuePair.Create(entry.TransactionalId, entry));
        }

        lock (entry.Gate)
        {
            entry.EndStoring(null);
            if (error == KafkaError.None)
            {
                entry.Leave();
            }
        }
    }

    private async Task<KafkaError> EndOf(TransactionEntry entry, Task<KafkaError> append)
    {
        try
        {
            KafkaError error = await append;
            if (error != KafkaError.None)
            {
                LogAppendFailed(_services.Logger, entry.TransactionalId, entry.Home.Partition, error);
            }

            return error;
        }
        catch (Exception unexpected)
        {
            // Whoever waits must be answered whatever happened.
            LogAppendThrew(_services.Logger, unexpected, entry.TransactionalId, entry.Home.Partition);
            return KafkaError.UnknownServerError;
        }
    }

    /// <summary>What a client is told when the log could not take a record: errors that make it look for the coordinator, and try again.</summary>
    private static KafkaError OfStore(KafkaError error) => error switch
    {
        KafkaError.NotLeaderOrFollower or KafkaError.KafkaStorageError => KafkaError.NotCoordinator,
        KafkaError.MessageTooLarge or KafkaError.RecordListTooLarge => KafkaError.PolicyViolation,
        KafkaError.UnknownServerError => KafkaError.UnknownServerError,
        _ => KafkaError.CoordinatorNotAvailable,
    };

    [LoggerMessage(Level = LogLevel.Warning, Message =
        "transactional id {TransactionalId} was refused: {IdsMax} are coordinated here already; let unused ones expire or raise the bound")]
    private static partial void LogFull(ILogger logger, string transactionalId, int idsMax);

    [LoggerMessage(Level = LogLevel.Information, Message =
        "partition {Partition} of the transaction log loaded: {Ids} transactional ids, {Decided} to be completed")]
    private static partial void LogLoaded(ILogger logger, int partition, int ids, int decided);

    [LoggerMessage(Level = LogLevel.Information, Message = "transaction of {TransactionalId} is aborted: its {TimeoutMs} ms are over")]
    private static partial void LogTimedOut(ILogger logger, string transactionalId, int timeoutMs);

    [LoggerMessage(Level = LogLevel.Warning, Message = "transactional id {TransactionalId}: partition {Partition} of the log refused a record: {Error}")]
    private static partial void LogAppendFailed(ILogger logger, string transactionalId, int partition, KafkaError error);

    [LoggerMessage(Level = LogLevel.Error, Message = "transactional id {TransactionalId}: partition {Partition} of the log failed to take a record")]
    private static partial void LogAppendThrew(ILogger logger, Exception error, string transactionalId, int partition);
}
