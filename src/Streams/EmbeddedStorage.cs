using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Metadata.Sqlite;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Wal;

namespace PipeRoll.Streams;

/// <summary>The embedded default: everything below one folder (<c>wal/</c>, <c>objects/</c>, <c>metadata.db</c>).</summary>
/// <remarks>
/// Owner: the server. A true edge: it makes the real device, store, database, threads and random source. Call
/// <see cref="StopAsync"/> for a clean stop; disposing alone leaves the rest to the next start's recovery.
/// </remarks>
public sealed class EmbeddedStorage : IAsyncDisposable
{
    private readonly SqliteMetadataStore _metadata;
    private readonly DedicatedThreadScheduler _walThread;
    private readonly StreamStorage _streams;

    private EmbeddedStorage(
        StreamStorage streams, SqliteMetadataStore metadata, IObjectStore objects, DedicatedThreadScheduler walThread)
    {
        Objects = objects;
        _streams = streams;
        _metadata = metadata;
        _walThread = walThread;
    }

    public IStreamStorage Streams => _streams;

    public IMetadataStore Metadata => _metadata;

    /// <summary>The bare store, for the audit.</summary>
    public IObjectStore Objects { get; }

    /// <inheritdoc cref="StreamStorage.RecoveredBatches"/>
    public long RecoveredBatches => _streams.RecoveredBatches;

    /// <summary>Opens or makes the storage and recovers what a crash left.</summary>
    /// <param name="onFatal">Called when the log's device has failed: end the process.</param>
    /// <exception cref="CorruptDataException">Stored bytes are damaged; the message says which and what to do.</exception>
    public static async ValueTask<EmbeddedStorage> StartAsync(
        string folder, StreamStorageOptions options, TimeProvider time, ILoggerFactory loggers, Action<Exception> onFatal,
        Func<Guid> newGuid, CancellationToken cancellation = default)
    {
        SqliteMetadataStore metadata = SqliteMetadataStore.OpenFile(Path.Combine(folder, "metadata.db"), time, newGuid);
        var walThread = new DedicatedThreadScheduler("piperoll-wal", ThreadPriority.AboveNormal);
        var objects = new DiskObjectStore(Path.Combine(folder, "objects"));
        StreamStorage? streams = null;
        try
        {
            await metadata.StartAsync(cancellation);
            streams = new StreamStorage(options, new StreamStorageParts
            {
                WalDevice = new FileWalDevice(Path.Combine(folder, "wal")),
                Metadata = metadata,
                Objects = objects,
                Time = time,
                Random = new Random(RandomNumberGenerator.GetInt32(int.MaxValue)),
                WalScheduler = walThread,
                OnFatal = onFatal,
                Loggers = loggers,
            });
            await streams.StartAsync(cancellation);
            return new EmbeddedStorage(streams, metadata, objects, walThread);
        }
        catch
        {
            if (streams is not null)
            {
                await streams.DisposeAsync();
            }

            await metadata.DisposeAsync();
            walThread.Dispose();
            throw;
        }
    }

    /// <summary>Uploads and commits everything: the next start has nothing to recover.</summary>
    public async ValueTask StopAsync(CancellationToken cancellation = default)
    {
        await _streams.StopAsync(cancellation);
        await DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _streams.DisposeAsync();
        await _metadata.DisposeAsync();
        _walThread.Dispose();
    }
}
