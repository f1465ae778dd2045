using DbUp;
using DbUp.Engine;
using DbUp.Sqlite.Helpers;
using Microsoft.Data.Sqlite;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Metadata.Sql;

namespace PipeRoll.Streams.Metadata.Sqlite;

/// <summary>Metadata in one SQLite database: the embedded default.</summary>
/// <remarks>
/// Owner: whoever made it. Thread: every call runs on one queue, a thread of the store's own, so that neither SQLite
/// nor its syncs block a caller; with <see cref="InMemory"/> calls run at once on the caller's thread, one after the
/// other, as single-threaded simulation needs it. Durability: journal mode WAL with synchronous=FULL, so a commit
/// that was answered survives a power loss.
/// </remarks>
public sealed class SqliteMetadataStore : SqlMetadataStore
{
    private readonly SqliteConnection _connection;
    private readonly DedicatedThreadScheduler? _thread;
    private readonly Lock _inline = new();
    private int _disposed;

    private SqliteMetadataStore(string connectionString, DedicatedThreadScheduler? thread, TimeProvider time, Func<Guid> newGuid)
        : base(time, newGuid)
    {
        _connection = new SqliteConnection(connectionString);
        _thread = thread;
    }

    /// <param name="path">Database file; it and its folder are made when missing.</param>
    /// <param name="newGuid">Source of the cluster's id.</param>
    public static SqliteMetadataStore OpenFile(string path, TimeProvider time, Func<Guid> newGuid)
    {
        Foundation.IO.DurableFiles.CreateFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
        // Not pooled: the store owns its one connection, and the file is free once it is disposed.
        var connection = new SqliteConnectionStringBuilder { DataSource = path, Pooling = false };
        return new SqliteMetadataStore(connection.ToString(), new DedicatedThreadScheduler("piperoll-metadata"), time, newGuid);
    }

    /// <summary>A database that lives as long as this object: for tests and simulation.</summary>
    public static SqliteMetadataStore InMemory(TimeProvider time, Func<Guid> newGuid) =>
        new("Data Source=:memory:", null, time, newGuid);

    /// <summary>One process alone has the database, and is told of every entry.</summary>
    private protected override TimeSpan LogPollInterval => TimeSpan.MaxValue;

    public override async ValueTask StartAsync(CancellationToken cancellation = default) => await QueueAsync(() =>
    {
        _connection.Open();
        using (SqliteCommand pragmas = _connection.CreateCommand())
        {
            pragmas.CommandText =
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000; PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=MEMORY;";
            pragmas.ExecuteNonQuery();
        }

        Migrate();
        return true;
    }, cancellation);

    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await QueueAsync(() =>
        {
            _connection.Dispose();
            return true;
        }, CancellationToken.None);
        LogGrew.Raise();
        _thread?.Dispose();
    }

    private protected override ValueTask<T> RunAsync<T>(
        TransactionKind kind, Func<MetadataTransaction, T> work, CancellationToken cancellation) => QueueAsync(() =>
    {
        using SqliteTransaction transaction = _connection.BeginTransaction();
        var tx = new MetadataTransaction(_connection, transaction, _ => Time.GetUtcNow().ToUnixTimeMilliseconds());
        T result = work(tx);
        transaction.Commit();
        if (tx.Logged > 0)
        {
            LogGrew.Raise();
        }

        return result;
    }, cancellation);

    private ValueTask<T> QueueAsync<T>(Func<T> work, CancellationToken cancellation)
    {
        if (_thread is not null)
        {
            return new ValueTask<T>(Task.Factory.StartNew(work, cancellation, TaskCreationOptions.None, _thread));
        }

        // Without a thread of its own the caller's does the work; simulation has one caller at a time, tests have several.
        cancellation.ThrowIfCancellationRequested();
        lock (_inline)
        {
            return ValueTask.FromResult(work());
        }
    }

    private void Migrate()
    {
        DatabaseUpgradeResult result = DeployChanges.To.SqliteDatabase(new SharedConnection(_connection))
            .WithScriptsEmbeddedInAssembly(typeof(SqliteMetadataStore).Assembly, name => name.Contains(".Metadata.Migrations.", StringComparison.Ordinal))
            .WithVariable("bytes", "BLOB")
            .WithTransaction()
            .LogToNowhere()
            .Build()
            .PerformUpgrade();
        if (!result.Successful)
        {
            throw new InvalidOperationException(
                $"the metadata database could not be upgraded (script {result.ErrorScript?.Name}): {result.Error?.Message}", result.Error);
        }
    }
}
