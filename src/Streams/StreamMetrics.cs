using System.Diagnostics.Metrics;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams;

/// <summary>Instruments of the meter <c>PipeRoll.Streams</c>.</summary>
public sealed class StreamMetrics : IDisposable
{
    public const string MeterName = "PipeRoll.Streams";

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _walBytes;
    private readonly Histogram<long> _walGroupRecords;
    private readonly Histogram<double> _walSyncSeconds;
    private readonly Counter<long> _cacheReads;
    private readonly Counter<long> _uploads;
    private readonly Counter<long> _uploadBytes;

    public StreamMetrics()
    {
        _walBytes = _meter.CreateCounter<long>("piperoll.wal.written", "By", "Bytes written to the write-ahead log, padding included");
        _walGroupRecords = _meter.CreateHistogram<long>("piperoll.wal.group.size", "{batch}", "Batches that shared one sync");
        _walSyncSeconds = _meter.CreateHistogram<double>("piperoll.wal.sync.duration", "s", "Write and sync of one group");
        _cacheReads = _meter.CreateCounter<long>("piperoll.cache.reads", "{read}", "Reads by the cache that served them");
        _uploads = _meter.CreateCounter<long>("piperoll.uploads", "{object}", "Objects uploaded and committed");
        _uploadBytes = _meter.CreateCounter<long>("piperoll.upload.bytes", "By", "Bytes of objects uploaded and committed");
        Store = new StoreMetrics(_meter);
        Life = new LifeMetrics(_meter);
    }

    internal StoreMetrics Store { get; }

    internal LifeMetrics Life { get; }

    internal Meter Meter => _meter;

    /// <summary>Publishes what is asked for at collection time.</summary>
    public void Observe(Func<long> walBytes, Func<long> logCacheBytes, Func<long> blockCacheBytes)
    {
        _meter.CreateObservableGauge("piperoll.wal.size", walBytes, "By", "Bytes that the write-ahead log takes on its device");
        _meter.CreateObservableGauge("piperoll.cache.log.size", logCacheBytes, "By", "Bytes in the log cache");
        _meter.CreateObservableGauge("piperoll.cache.block.size", blockCacheBytes, "By", "Bytes in the block cache");
    }

    public void Dispose() => _meter.Dispose();

    internal void GroupSynced(long bytes, int records, TimeSpan duration)
    {
        _walBytes.Add(bytes);
        _walGroupRecords.Record(records);
        _walSyncSeconds.Record(duration.TotalSeconds);
    }

    /// <param name="cache"><c>log</c>, <c>block</c> or <c>none</c>.</param>
    internal void Read(string cache) => _cacheReads.Add(1, new KeyValuePair<string, object?>("cache", cache));

    internal void Uploaded(long bytes)
    {
        _uploads.Add(1);
        _uploadBytes.Add(bytes);
    }
}
