using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Streams.Wal;

namespace PipeRoll.Streams.Tests.Support;

/// <summary>A log over a memory device, with what it confirmed and replayed.</summary>
internal sealed class WalHarness : IWalClient, IWalReplay
{
    public static readonly StreamStorageOptions Options = new()
    {
        WalSegmentBytes = 64 * 1024,
        WalBytesMax = 512 * 1024,
        WalSegmentsAtStart = 1,
        WalGroupBytesMax = 16 * 1024,
        UploadBytes = 128 * 1024,
    };

    public WalHarness(MemoryWalDevice device, StreamStorageOptions? options = null)
    {
        Device = device;
        Log = new WriteAheadLog(
            device, options ?? Options, TimeProvider.System, new Random(7), new StreamMetrics(), NullLogger.Instance, null,
            () => Starved++, failure => Fatal = failure);
    }

    public MemoryWalDevice Device { get; }

    public WriteAheadLog Log { get; }

    public List<StreamBatch> Confirmed { get; } = [];

    public List<(StreamId Stream, long BaseOffset, byte[] Bytes)> Replayed { get; } = [];

    public int Starved { get; private set; }

    public Exception? Fatal { get; private set; }

    public static async Task<WalHarness> StartAsync(MemoryWalDevice device, StreamStorageOptions? options = null)
    {
        var harness = new WalHarness(device, options);
        await harness.Log.StartAsync(harness, CancellationToken.None);
        return harness;
    }

    public Task Append(long stream, long offset, int bytes = 100) => Log.Append(
        new StreamId(stream), 1, new StreamBatch(offset, 1, offset, Batches.Expected(new StreamId(stream), offset, bytes), null), this);

    /// <summary>Appends one group per batch, each ended before the next begins.</summary>
    public async Task AppendGroupsAsync(long stream, long from, long to, int bytes = 100)
    {
        for (long offset = from; offset < to; offset++)
        {
            await Append(stream, offset, bytes);
        }
    }

    public void AssertReplayed(long stream, long from, long to, int bytes = 100)
    {
        Assert.Equal(
            Enumerable.Range((int)from, (int)(to - from)).Select(o => (long)o),
            Replayed.Where(r => r.Stream.Value == stream).Select(r => r.BaseOffset));
        Assert.All(Replayed, r => Assert.Equal(Batches.Expected(r.Stream, r.BaseOffset, bytes), r.Bytes));
    }

    void IWalClient.Confirmed(in StreamBatch batch) => Confirmed.Add(batch);

    ValueTask IWalReplay.ReplayAsync(IReadOnlyList<WalReplayedBatch> batches)
    {
        Replayed.AddRange(batches.Select(b => (b.Stream, b.Batch.BaseOffset, b.Batch.Bytes.ToArray())));
        return ValueTask.CompletedTask;
    }
}
