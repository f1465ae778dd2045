using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams;

/// <summary>The storage of one life of a broker of a cluster: everything in one bucket and one database, nothing on the broker.</summary>
/// <remarks>
/// Owner: the server. A true edge: it makes the real random source. Store and database are the caller's, who opened and probed them, and
/// registered the life. Call <see cref="StopAsync"/> for a clean stop, and retire the life when <see cref="IsClean"/>; disposing alone
/// leaves the rest to the recovery by a survivor.
/// </remarks>
public sealed class ClusterStorage : IAsyncDisposable
{
    private readonly StreamStorage _streams;

    private ClusterStorage(StreamStorage streams) => _streams = streams;

    /// <summary>
    /// Settings that suit a cluster: uploads so large that a busy partition's part is worth an object of its own, which compaction then
    /// never has to write again. A byte is written once to the log, once to an object, and by compaction at most once in five times.
    /// </summary>
    public static StreamStorageOptions DefaultOptions { get; } = new()
    {
        LogCacheBytesMax = 512L * 1024 * 1024,
        UploadBytes = 192L * 1024 * 1024,
        StreamObjectBytes = 2L * 1024 * 1024,
        // A dead broker's log is many small objects, and reading them waits for the store, not for bytes.
        StoreRequestsMax = 96,
    };

    public IStreamStorage Streams => _streams;

    /// <inheritdoc cref="StreamStorage.Health"/>
    public StorageHealth Health => _streams.Health;

    /// <inheritdoc cref="StreamStorage.IsClean"/>
    public bool IsClean => _streams.IsClean;

    /// <param name="broker">This life, just registered: its log is empty.</param>
    /// <param name="isCleaner">Whether this broker deletes for the whole cluster; asked each round. The controller does well.</param>
    /// <param name="onFatal">
    /// Called once when nothing can be acknowledged any more, with <see cref="BrokerFencedException"/> when the cluster has ended this life:
    /// end the process.
    /// </param>
    public static async ValueTask<ClusterStorage> StartAsync(
        IObjectStore store, IMetadataStore metadata, BrokerEpoch broker, StreamStorageOptions options, TimeProvider time, ILoggerFactory loggers,
        Func<bool> isCleaner, Action<Exception> onFatal, CancellationToken cancellation = default)
    {
        var streams = new StreamStorage(options, new StreamStorageParts
        {
            Broker = broker,
            Metadata = metadata,
            Objects = store,
            Time = time,
            Random = new Random(RandomNumberGenerator.GetInt32(int.MaxValue)),
            IsCleaner = isCleaner,
            OnFatal = onFatal,
            Loggers = loggers,
        });
        await streams.StartAsync(cancellation);
        return new ClusterStorage(streams);
    }

    /// <summary>Uploads and commits everything, also what waits for other brokers' parts: give it as long as that may take, and no longer.</summary>
    public ValueTask StopAsync(CancellationToken cancellation = default) => _streams.StopAsync(cancellation);

    public ValueTask DisposeAsync() => _streams.DisposeAsync();
}
