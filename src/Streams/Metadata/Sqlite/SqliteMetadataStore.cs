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
    /// <summary>The schema of a database in memory, made once for all of them.</summary>
    private static readonly Lazy<SqliteConnection> Blank = new(MakeBlank);
    private readonly SqliteConnection _connection;
    private readonly StatementCache _statements;
    private readonly DedicatedThreadScheduler? _thread;
    private readonly Lock _inline = new();
    private long _logEnd = -1;
    private int _disposed;

    private SqliteMetadataStore(string connectionString, DedicatedThreadScheduler? thread, TimeProvider time, Func<Guid> newGuid)
        : base(time, newGuid)
    {
        _connection = new SqliteConnection(connectionString);
        _statements = new StatementCache(_connection);
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

    private protected override long? KnownLogEnd => Volatile.Read(ref _disposed) == 0 && Interlocked.Read(ref _logEnd) is var end and >= 0 ? end : null;

    /// <summary>One process alone has the database, and is told of every entry.</summary>
    private protected override TimeSpan LogPollInterval => TimeSpan.MaxValue;

    public override async ValueTask StartAsync(CancellationToken cancellation = default) => await QueueAsync(() =>
    {
        _connection.Open();
        if (_thread is null)
        {
            lock (Blank)
            {
                Blank.Value.BackupDatabase(_connection);
            }

            return true;
        }

        using (SqliteCommand pragmas = _connection.CreateCommand())
        {
            pragmas.CommandText =
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000; PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=MEMORY;";
            pragmas.ExecuteNonQuery();
        }

        Migrate(_connection);
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
            _statements.Dispose();
            return true;
        }, CancellationToken.None);
        LogGrew.Raise();
        _thread?.Dispose();
    }

    private protected override ValueTask<T> RunAsync<T>(
        TransactionKind kind, Func<MetadataTransaction, T> work, CancellationToken cancellation) => QueueAsync(() =>
    {
        var tx = new MetadataTransaction(_statements, null, _ => Time.GetUtcNow().ToUnixTimeMilliseconds());

        // Nobody else has the connection, and nobody else the database: what is read by several statements is of one instant anyway.
        T result = kind == TransactionKind.Read ? work(tx) : Write(work, tx);
        if (tx.Logged > 0)
        {
            Interlocked.Exchange(ref _logEnd, tx.Logged);
            LogGrew.Raise();
        }

        return result;
    }, cancellation);

    private T Write<T>(Func<MetadataTransaction, T> work, MetadataTransaction tx)
    {
        Run("BEGIN IMMEDIATE");
        try
        {
            T result = work(tx);
            Run("COMMIT");
            return result;
        }
        catch
        {
            try
            {
                Run("ROLLBACK");
            }
            catch (SqliteException)
            {
                // SQLite has done so itself, as on a full disk; what went wrong is thrown on.
            }

            throw;
        }
    }

    private void Run(string statement)
    {
        SqliteCommand command = _statements.Take(statement);
        try
        {
            command.ExecuteNonQuery();
        }
        finally
        {
            _statements.Give(command);
        }
    }

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

    private static SqliteConnection MakeBlank()
    {
        var connection = new SqliteConnection("Data Source=:memory:");
        connection.Open();
        Migrate(connection);
        return connection;
    }

    private static void Migrate(SqliteConnection connection)
    {
        DatabaseUpgradeResult result = DeployChanges.To.SqliteDatabase(new SharedConnection(connection))
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
