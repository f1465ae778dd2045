using PipeRoll.Streams.Metadata.Sqlite;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams.Tests.Support;

/// <summary>A storage over devices in memory that outlive it, so that it can "crash" and start again.</summary>
internal sealed class StorageHarness : IAsyncDisposable
{
    public static readonly StreamStorageOptions Options = new()
    {
        WalSegmentBytes = 256 * 1024,
        WalGroupBytesMax = 64 * 1024,
        WalBytesMax = 2 * 1024 * 1024,
        WalSegmentsAtStart = 1,
        UploadBytes = 512 * 1024,
        StreamObjectBytes = 50_000,
        LogCacheBytesMax = 1024 * 1024,
        BlockBytes = 4096,
        StoreRetryDelay = TimeSpan.FromMilliseconds(1),
        StoreRetryDelayMax = TimeSpan.FromMilliseconds(5),
    };

    private StreamStorage? _storage;
    private long _epoch;

    public StorageHarness() => Metadata = SqliteMetadataStore.InMemory(Time, Guid.NewGuid);

    public ShiftedTime Time { get; } = new();

    public MemoryWalDevice Device { get; private set; } = new();

    public MemoryObjectStore Objects { get; } = new();

    public SqliteMetadataStore Metadata { get; }

    public Exception? Fatal { get; private set; }

    public StreamStorage Storage => _storage ?? throw new InvalidOperationException("not started");

    public static async Task<StorageHarness> StartAsync(StreamStorageOptions? options = null)
    {
        var harness = new StorageHarness();
        await harness.Metadata.StartAsync();
        await harness.RestartAsync(options);
        return harness;
    }

    /// <summary>Starts anew on what the devices hold; what the old storage had in memory is gone.</summary>
    public async Task RestartAsync(StreamStorageOptions? options = null)
    {
        MemoryWalDevice survived = Device.Copy();
        if (_storage is not null)
        {
            await _storage.DisposeAsync();
        }

        Device = survived;
        _storage = new StreamStorage(options ?? Options, new StreamStorageParts
        {
            WalDevice = Device,
            Metadata = Metadata,
            Objects = Objects,
            Time = Time,
            Random = new Random(5),
            OnFatal = failure => Fatal = failure,
        });
        await _storage.StartAsync();
    }

    public async Task<IStream> CreateAsync(IStreamObserver? observer = null) =>
        await OpenAsync((await Metadata.CreateStreamsAsync(1, "test"))[0], observer);

    /// <summary>Opens under a higher epoch than ever before.</summary>
    public async Task<IStream> OpenAsync(StreamId id, IStreamObserver? observer = null) => await Storage.OpenAsync(id, ++_epoch, observer);

    public async ValueTask DisposeAsync()
    {
        await Storage.DisposeAsync();
        await Metadata.DisposeAsync();
    }
}
