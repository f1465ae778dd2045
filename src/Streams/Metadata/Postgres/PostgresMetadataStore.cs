using System.Data;
using Dapper;
using Microsoft.Extensions.Logging;
using Npgsql;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Metadata.Sql;

namespace PipeRoll.Streams.Metadata.Postgres;

/// <summary>Metadata in PostgreSQL: what the brokers of a cluster share.</summary>
/// <remarks>
/// Owner: whoever made it. Thread: calls from anywhere; transactions run on threads of the store's own, as many at a time as there are
/// connections. A true edge: simulation never makes one. Failure: a transaction that others got in the way of is tried again here;
/// when the database is away, calls throw <see cref="MetadataUnavailableException"/> and later ones connect anew by themselves.
/// Durability is the database's: a commit that was answered is flushed, and on the synchronous standbys if there are any.
/// </remarks>
public sealed partial class PostgresMetadataStore : SqlMetadataStore
{
    private const string Channel = "piperoll_log";
    private readonly PostgresMetadataOptions _options;
    private readonly PostgresConnections _connections;
    private readonly DedicatedThreadScheduler _threads;
    private readonly DedicatedThreadScheduler _heartbeats;
    private readonly Random _random;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private Task _listening = Task.CompletedTask;
    private int _disposed;

    /// <param name="time">For delays alone; leases and ages go by the database's clock.</param>
    /// <param name="random">How long to wait before a transaction is tried again.</param>
    /// <param name="newGuid">Source of the cluster's id.</param>
    /// <exception cref="ArgumentException">The options are wrong.</exception>
    public PostgresMetadataStore(PostgresMetadataOptions options, TimeProvider time, Random random, Func<Guid> newGuid, ILogger logger)
        : base(time, newGuid)
    {
        options.Validate();
        _options = options;
        _random = random;
        _logger = logger;
        _connections = new PostgresConnections(options);
        _threads = new DedicatedThreadScheduler("piperoll-metadata", threads: options.Connections);
        _heartbeats = new DedicatedThreadScheduler("piperoll-heartbeat", threads: 1);
    }

    private protected override TimeSpan LogPollInterval => _options.LogPollInterval;

    /// <inheritdoc/>
    /// <remarks>Several brokers may start on an empty database at once: one makes the schema, the others wait for it.</remarks>
    /// <exception cref="MetadataUnavailableException">The database is away; to be called again.</exception>
    public override async ValueTask StartAsync(CancellationToken cancellation = default)
    {
        await CallAsync(
            _threads,
            () =>
            {
                PostgresSchema.Upgrade(_connections.ForUpgrade());
                return true;
            }, () => false, cancellation);
        _listening = ListenAsync(_stop.Token);
    }

    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _stop.Cancel();
        await _listening;
        _threads.Dispose();
        _heartbeats.Dispose();
        _connections.Dispose();
        _stop.Dispose();
        LogGrew.Raise();
    }

    private protected override async ValueTask<T> RunAsync<T>(
        TransactionKind kind, Func<MetadataTransaction, T> work, CancellationToken cancellation)
    {
        bool mayHaveCommitted = false;
        DedicatedThreadScheduler threads = kind == TransactionKind.Heartbeat ? _heartbeats : _threads;
        return await CallAsync(threads, () => RunOnce(kind, work, ref mayHaveCommitted), () => mayHaveCommitted, cancellation);
    }

    private static long ReadClock(MetadataTransaction tx) =>
        tx.One<long>("SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT)");

    private T RunOnce<T>(TransactionKind kind, Func<MetadataTransaction, T> work, ref bool mayHaveCommitted)
    {
        mayHaveCommitted = false;
        using NpgsqlConnection connection = _connections.Open();
        using NpgsqlTransaction transaction = connection.BeginTransaction(
            kind is TransactionKind.Write or TransactionKind.Control ? IsolationLevel.Serializable : IsolationLevel.RepeatableRead);
        var tx = new MetadataTransaction(connection, transaction, ReadClock);
        if (kind == TransactionKind.Control)
        {
            // The lock comes before the snapshot, which so shows what the one before us wrote: no conflict between us.
            tx.Execute("LOCK TABLE log_gate IN EXCLUSIVE MODE");
        }

        T result = work(tx);
        if (tx.Logged > 0)
        {
            tx.Execute($"NOTIFY {Channel}");
        }

        mayHaveCommitted = true;
        transaction.Commit();
        if (tx.Logged > 0)
        {
            LogGrew.Raise();
        }

        return result;
    }

    /// <summary>Runs <paramref name="attempt"/> on one of <paramref name="threads"/> until it ends other than by a conflict.</summary>
    /// <param name="mayHaveTakenEffect">Whether the last attempt had got so far that a lost answer proves nothing.</param>
    private async ValueTask<T> CallAsync<T>(
        DedicatedThreadScheduler threads, Func<T> attempt, Func<bool> mayHaveTakenEffect, CancellationToken cancellation)
    {
        long started = Time.GetTimestamp();
        bool hasReconnected = false;
        for (int conflicts = 0; ;)
        {
            try
            {
                return await Task.Factory.StartNew(attempt, cancellation, TaskCreationOptions.None, threads).WaitAsync(cancellation);
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                PostgresFailure meaning = PostgresFailures.Classify(failure);
                if (meaning == PostgresFailure.Wrong)
                {
                    throw;
                }

                if (meaning == PostgresFailure.Conflict)
                {
                    if (Time.GetElapsedTime(started) >= _options.ConflictTimeout)
                    {
                        throw new MetadataUnavailableException("the metadata database is too busy: other transactions always got in the way", failure);
                    }
                }
                else
                {
                    _connections.Clear();
                    if (meaning == PostgresFailure.Away || hasReconnected || mayHaveTakenEffect())
                    {
                        throw new MetadataUnavailableException($"the metadata database is away: {failure.Message}", failure);
                    }

                    // A connection that broke while it waited in the pool, such as over a restart: a fresh one may do.
                    hasReconnected = true;
                    continue;
                }
            }

            await Task.Delay(Backoff(++conflicts), Time, cancellation);
        }
    }

    private TimeSpan Backoff(int conflicts)
    {
        double bound = Math.Min(100, 2 << Math.Min(conflicts, 8));
        lock (_random)
        {
            return TimeSpan.FromMilliseconds(1 + (_random.NextDouble() * bound));
        }
    }

    private async Task ListenAsync(CancellationToken stop)
    {
        bool isFirst = true;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await using NpgsqlConnection connection = _connections.ForListening();
                await connection.OpenAsync(stop);
                connection.Notification += (_, _) => LogGrew.Raise();
                await connection.ExecuteAsync($"LISTEN {Channel}");
                if (!isFirst)
                {
                    LogListening(_logger);
                }

                // News may have come while nobody listened.
                LogGrew.Raise();
                isFirst = false;
                while (true)
                {
                    await connection.WaitAsync(stop);
                }
            }
            catch (Exception lost)
            {
                if (stop.IsCancellationRequested)
                {
                    return;
                }

                // Whatever it is, polling goes on behind us.
                LogNotListening(_logger, lost.Message);
            }

            await Task.Delay(_options.LogPollInterval, Time, stop)
                .ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Current);
        }
    }

    [LoggerMessage(60, LogLevel.Warning, "No news of the metadata log: {Reason}. It is polled until the database can be reached again")]
    private static partial void LogNotListening(ILogger logger, string reason);

    [LoggerMessage(61, LogLevel.Information, "News of the metadata log come again")]
    private static partial void LogListening(ILogger logger);
}
