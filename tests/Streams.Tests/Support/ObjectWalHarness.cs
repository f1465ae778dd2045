using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Foundation.Buffers;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Wal;
using PipeRoll.Streams.Wal.Objects;

namespace PipeRoll.Streams.Tests.Support;

/// <summary>An object log over a scripted bucket, with what it confirmed and what its catalog was told.</summary>
internal sealed class ObjectWalHarness : IWalClient
{
    public static readonly StreamStorageOptions Options = new()
    {
        WalGroupBytesMax = 64 * 1024,
        StoreRetryDelay = TimeSpan.FromMilliseconds(10),
        StoreRetryDelayMax = TimeSpan.FromMilliseconds(100),
    };

    private readonly List<SharedBuffer> _buffers = [];

    public ObjectWalHarness(VirtualTime time, StreamStorageOptions? options = null, ScriptedStore? store = null, long broker = 7)
    {
        Time = time;
        Store = store ?? new ScriptedStore();
        Broker = new BrokerEpoch(broker);
        Context = new ObjectWalContext
        {
            Broker = Broker,
            Store = Store,
            Catalog = PartialFake.Of<IClusterCatalog>(CallCatalog),
            Options = options ?? Options,
            Time = time,
            Random = new Random(11),
            Metrics = new StreamMetrics(),
            Logger = NullLogger.Instance,
            OnFatal = failure => Fatal.Add(failure),
        };
        Log = new ObjectWriteAheadLog(Context);
    }

    public VirtualTime Time { get; }

    public ScriptedStore Store { get; }

    public BrokerEpoch Broker { get; }

    public ObjectWalContext Context { get; }

    public ObjectWriteAheadLog Log { get; }

    public List<StreamBatch> Confirmed { get; } = [];

    public List<Exception> Fatal { get; } = [];

    /// <summary>What was recorded as the first number still needed, in order; null for a call that failed.</summary>
    public List<long?> Advanced { get; } = [];

    public Func<Task>? BeforeAdvance { get; set; }

    public string Key(long number) => ObjectWalFormat.KeyOf(Broker, number);

    public Task Append(long stream, long offset, int bytes = 100, long epoch = 1)
    {
        StreamBatch batch = Batches.Make(new StreamId(stream), offset, bytes: bytes);
        _buffers.Add(batch.Owner!);
        try
        {
            return Log.Append(new StreamId(stream), epoch, batch, this);
        }
        finally
        {
            batch.Owner!.Release();
        }
    }

    /// <summary>Appends one object per batch.</summary>
    public async Task AppendObjectsAsync(long stream, long from, long to, int bytes = 100, long epoch = 1)
    {
        for (long offset = from; offset < to; offset++)
        {
            Task appended = Append(stream, offset, bytes, epoch);
            Log.Flush();
            await appended;
        }
    }

    /// <summary>How many of the batches' buffers somebody still holds.</summary>
    public int Held() => _buffers.Count(static buffer =>
    {
        try
        {
            return buffer.Capacity > 0;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    });

    void IWalClient.Confirmed(in StreamBatch batch) => Confirmed.Add(batch);

    private object? CallCatalog(string name, object?[] arguments)
    {
        Assert.Equal(nameof(IClusterCatalog.AdvanceWalAsync), name);
        Assert.Equal(Broker, arguments[0]);
        return new ValueTask(AdvanceAsync((long)arguments[1]!));
    }

    private async Task AdvanceAsync(long first)
    {
        Advanced.Add(null);
        await (BeforeAdvance?.Invoke() ?? Task.CompletedTask);
        Advanced[^1] = first;
    }
}
