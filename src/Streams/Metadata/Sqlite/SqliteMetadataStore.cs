using DbUp;
using DbUp.Engine;
using DbUp.Sqlite.Helpers;
using Microsoft.Data.Sqlite;
using PipeRoll.Foundation.Scheduling;

namespace PipeRoll.Streams.Metadata.Sqlite;

/// <summary>Metadata in one SQLite database: the embedded default.</summary>
/// <remarks>
/// Owner: whoever made it. Thread: every call runs on one queue, a thread of the store's own, so that neither SQLite
/// nor its syncs block a caller; with <see cref="InMemory"/> calls run at once on the caller's thread, one after the
/// other, as single-threaded simulation needs it. Durability: journal mode WAL with synchronous=FULL, so a commit
/// that was answered survives a power loss.
/// </remarks>
public sealed partial class SqliteMetadataStore : IMetadataStore
{
    private readonly SqliteConnection _connection;
    private readonly DedicatedThreadScheduler? _thread;
    private readonly Lock _inline = new();
    private readonly TimeProvider _time;
    private readonly Func<Guid> _newGuid;
    private int _disposed;

    private SqliteMetadataStore(string connectionString, DedicatedThreadScheduler? thread, TimeProvider time, Func<Guid> newGuid)
    {
        _connection = new SqliteConnection(connectionString);
        _thread = thread;
        _time = time;
        _newGuid = newGuid;
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

    public ValueTask StartAsync(CancellationToken cancellation = default) => QueueAsync(() =>
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
    }, cancellation).Done();

    public ValueTask<IReadOnlyList<StreamId>> CreateStreamsAsync(int count, string principal, CancellationToken cancellation = default) =>
        RunAsync(tx => StreamTables.Create(tx, count, principal), cancellation);

    public ValueTask<IReadOnlyList<StreamOpened>> OpenStreamsAsync(
        IReadOnlyList<StreamOpening> openings, CancellationToken cancellation = default) =>
        RunAsync(tx => StreamTables.Open(tx, openings), cancellation);

    public ValueTask<IReadOnlyList<StreamState>> ReadStreamsAsync(
        IReadOnlyList<StreamId> ids, CancellationToken cancellation = default) =>
        RunAsync(tx => StreamTables.ReadStates(tx, ids), cancellation);

    public ValueTask<bool> TrimStreamAsync(StreamId id, long epoch, long newStartOffset, CancellationToken cancellation = default) =>
        RunAsync(tx => StreamTables.Trim(tx, id, epoch, newStartOffset), cancellation);

    public ValueTask DestroyStreamAsync(StreamId id, string principal, CancellationToken cancellation = default) =>
        RunAsync(tx =>
        {
            StreamTables.Destroy(tx, id, principal);
            return true;
        }, cancellation).Done();

    public ValueTask<IReadOnlyList<StreamId>> ListDoomedStreamsAsync(int max, CancellationToken cancellation = default) =>
        RunAsync(tx => StreamTables.ListDoomed(tx, max), cancellation);

    public ValueTask<long> PrepareObjectsAsync(
        int count, TimeSpan timeToLive, BrokerEpoch writer = default, CancellationToken cancellation = default) =>
        RunAsync(tx => ObjectTables.Prepare(tx, count, timeToLive), cancellation);

    public ValueTask<CommitOutcome> CommitObjectsAsync(
        IReadOnlyList<ObjectCommit> commits, CommitWriter writer = default, CancellationToken cancellation = default) =>
        RunAsync(tx => ObjectTables.Commit(tx, commits), cancellation);

    public ValueTask<bool> ReplaceRangesAsync(
        StreamId id, long epoch, long from, long to, IReadOnlyList<ObjectCommit> replacements, CancellationToken cancellation = default) =>
        RunAsync(tx => ObjectTables.Replace(tx, id, epoch, from, to, replacements), cancellation);

    public ValueTask<IReadOnlyList<StreamRange>> ListRangesAsync(
        StreamId id, long offset, int max, CancellationToken cancellation = default) =>
        RunAsync(tx => (IReadOnlyList<StreamRange>)ObjectTables.ListRanges(tx, id, offset, max), cancellation);

    public ValueTask<StreamRange?> FindRangeByTimestampAsync(StreamId id, long timestamp, CancellationToken cancellation = default) =>
        RunAsync(tx => ObjectTables.FindByTimestamp(tx, id, timestamp), cancellation);

    public ValueTask<long> FindRetentionStartAsync(StreamId id, long keepFrom, long keepBytes, CancellationToken cancellation = default) =>
        RunAsync(tx => ObjectTables.FindRetentionStart(tx, id, keepFrom, keepBytes), cancellation);

    public ValueTask<IReadOnlyList<long>> ListDueDeletesAsync(int max, TimeSpan readGrace, CancellationToken cancellation = default) =>
        RunAsync(tx => (IReadOnlyList<long>)ObjectTables.ListDueDeletes(tx, max, readGrace), cancellation);

    public ValueTask ForgetObjectsAsync(IReadOnlyList<long> objectIds, CancellationToken cancellation = default) =>
        RunAsync(tx =>
        {
            ObjectTables.Forget(tx, objectIds);
            return true;
        }, cancellation).Done();

    public ValueTask<IReadOnlyList<ObjectRecord>> ListObjectsAsync(long afterId, int max, CancellationToken cancellation = default) =>
        RunAsync(tx => ObjectTables.List(tx, afterId, max), cancellation);

    public ValueTask<bool> SaveCheckpointAsync(
        StreamId id, long epoch, StreamCheckpoint checkpoint, CancellationToken cancellation = default) =>
        RunAsync(tx => StreamTables.SaveCheckpoint(tx, id, epoch, checkpoint), cancellation);

    public ValueTask<StreamCheckpoint?> ReadCheckpointAsync(StreamId id, CancellationToken cancellation = default) =>
        RunAsync(tx => StreamTables.ReadCheckpoint(tx, id), cancellation);

    public ValueTask<IReadOnlyList<MetadataLogEntry>> ReadLogAsync(long after, int max, CancellationToken cancellation = default) =>
        RunAsync(tx => (IReadOnlyList<MetadataLogEntry>)tx.Query<MetadataLogEntry>(
            """
            SELECT sequence AS Sequence, at_ms AS AtMs, principal AS Principal, kind AS Kind, payload AS Payload
            FROM metadata_log WHERE sequence > @after ORDER BY sequence LIMIT @max
            """, new { after, max }), cancellation);

    public ValueTask<IReadOnlyList<TopicRecord>> ListTopicsAsync(CancellationToken cancellation = default) =>
        RunAsync(tx => (IReadOnlyList<TopicRecord>)TopicTables.List(tx), cancellation);

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> CreateTopicAsync(
        Guid id, string name, int partitions, IReadOnlyDictionary<string, string> configs, bool isInternal, string principal,
        IReadOnlyList<BrokerEpoch>? owners = null, CancellationToken cancellation = default) =>
        RunAsync(tx => TopicTables.Create(tx, id, name, partitions, configs, isInternal, principal), cancellation);

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> CreatePartitionsAsync(
        string name, int newTotal, string principal, IReadOnlyList<BrokerEpoch>? owners = null, CancellationToken cancellation = default) =>
        RunAsync(tx => TopicTables.AddPartitions(tx, name, newTotal, principal), cancellation);

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> DeleteTopicAsync(
        string name, string principal, CancellationToken cancellation = default) =>
        RunAsync(tx => TopicTables.Delete(tx, name, principal), cancellation);

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> SetTopicConfigsAsync(
        string name, IReadOnlyDictionary<string, string> configs, string principal, CancellationToken cancellation = default) =>
        RunAsync(tx => TopicTables.SetConfigs(tx, name, configs, principal), cancellation);

    public ValueTask<string> GetClusterIdAsync(CancellationToken cancellation = default) =>
        RunAsync(tx => TopicTables.ReadOrMakeClusterId(tx, _newGuid), cancellation);

    public ValueTask<long> AllocateProducerIdsAsync(int count, CancellationToken cancellation = default) =>
        RunAsync(tx => TopicTables.AllocateProducerIds(tx, count), cancellation);

    public async ValueTask DisposeAsync()
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
        _thread?.Dispose();
    }

    private ValueTask<T> RunAsync<T>(Func<MetadataTransaction, T> work, CancellationToken cancellation) => QueueAsync(() =>
    {
        using SqliteTransaction transaction = _connection.BeginTransaction();
        T result = work(new MetadataTransaction(_connection, transaction, _time.GetUtcNow().ToUnixTimeMilliseconds()));
        transaction.Commit();
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

internal static class ValueTaskExtensions
{
    /// <summary>The same task without its result.</summary>
    public static ValueTask Done<T>(this ValueTask<T> task)
    {
        if (task.IsCompletedSuccessfully)
        {
            return ValueTask.CompletedTask;
        }

        return new ValueTask(task.AsTask());
    }
}
