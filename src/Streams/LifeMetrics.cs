using System.Diagnostics.Metrics;

namespace PipeRoll.Streams;

/// <summary>Instruments of what happens beside appends and reads: uploads, hand-overs, recoveries, compaction, deletion.</summary>
internal sealed class LifeMetrics
{
    private readonly Meter _meter;
    private readonly Histogram<double> _uploadSeconds;
    private readonly Counter<long> _uploadFailures;
    private readonly Counter<long> _recoveries;
    private readonly Counter<long> _recoveredBatches;
    private readonly Counter<long> _recoveredBytes;
    private readonly Histogram<double> _recoverySeconds;
    private readonly Counter<long> _compactedFrom;
    private readonly Counter<long> _compactedTo;
    private readonly Counter<long> _compactedBytes;
    private readonly Histogram<double> _compactionSeconds;
    private readonly Counter<long> _deleted;
    private readonly Histogram<double> _gapSeconds;

    public LifeMetrics(Meter meter)
    {
        _meter = meter;
        _uploadSeconds = meter.CreateHistogram<double>("piperoll.upload.duration", "s", "One upload, from its start to the commit of the last object");
        _uploadFailures = meter.CreateCounter<long>("piperoll.upload.failures", "{upload}", "Uploads that failed and were tried again");
        _recoveries = meter.CreateCounter<long>("piperoll.recoveries", "{log}", "Logs of dead brokers recovered by this one");
        _recoveredBatches = meter.CreateCounter<long>("piperoll.recovery.batches", "{batch}", "Batches committed for dead brokers");
        _recoveredBytes = meter.CreateCounter<long>("piperoll.recovery.bytes", "By", "Bytes committed for dead brokers");
        _recoverySeconds = meter.CreateHistogram<double>("piperoll.recovery.duration", "s", "Recovery of one dead broker's log");
        _compactedFrom = meter.CreateCounter<long>("piperoll.compaction.sources", "{object}", "Objects rewritten by compaction");
        _compactedTo = meter.CreateCounter<long>("piperoll.compaction.targets", "{object}", "Objects written by compaction");
        _compactedBytes = meter.CreateCounter<long>("piperoll.compaction.bytes", "By", "Bytes written by compaction");
        _compactionSeconds = meter.CreateHistogram<double>("piperoll.compaction.duration", "s", "One round of compaction");
        _deleted = meter.CreateCounter<long>("piperoll.deletions", "{object}", "Objects deleted because nobody needs them");
        _gapSeconds = meter.CreateHistogram<double>(
            "piperoll.handover.read.wait", "s", "How long reads waited for what an earlier owner had yet to commit");
    }

    /// <summary>Publishes what is asked for at collection time.</summary>
    public void Observe(StreamStorage storage, Func<int> streams, Func<int> releases, Func<int> gaps, Func<int> backlog)
    {
        _meter.CreateObservableGauge("piperoll.cache.log.pinned", () => storage.Cache.PinnedBytes, "By", "Bytes that no committed object holds yet");
        _meter.CreateObservableGauge("piperoll.upload.waiting", () => storage.Cache.DirtyStreams, "{stream}", "Streams with something to upload");
        _meter.CreateObservableGauge("piperoll.streams.held", streams, "{stream}", "Streams that this broker knows of");
        _meter.CreateObservableGauge("piperoll.handover.uploads", releases, "{stream}", "Streams handed over that are still to be uploaded");
        _meter.CreateObservableGauge("piperoll.handover.gaps", gaps, "{stream}", "Streams of which an earlier owner's part is not yet committed");
        _meter.CreateObservableGauge("piperoll.compaction.backlog", backlog, "{object}", "Objects that may be worth compacting");
        _meter.CreateObservableGauge(
            "piperoll.wal.latency", () => storage.WalLatencyMs, "ms", "Time to make a group durable, 99th percentile of half a minute");
        _meter.CreateObservableGauge(
            "piperoll.metadata.away", () => storage.Health.MetadataAwaySeconds, "s", "How long the metadata database has not answered");
    }

    public void UploadEnded(TimeSpan took) => _uploadSeconds.Record(took.TotalSeconds);

    public void UploadFailed() => _uploadFailures.Add(1);

    public void Recovered(long batches, long bytes, long objects, TimeSpan took)
    {
        _recoveries.Add(1, new KeyValuePair<string, object?>("empty", objects == 0));
        _recoveredBatches.Add(batches);
        _recoveredBytes.Add(bytes);
        _recoverySeconds.Record(took.TotalSeconds);
    }

    public void Compacted(int sources, int targets, long bytes, TimeSpan took)
    {
        _compactedFrom.Add(sources);
        _compactedTo.Add(targets);
        _compactedBytes.Add(bytes);
        _compactionSeconds.Record(took.TotalSeconds);
    }

    public void Deleted(long objects) => _deleted.Add(objects);

    public void WaitedForEarlierOwner(TimeSpan took) => _gapSeconds.Record(took.TotalSeconds);
}
