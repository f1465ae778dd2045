using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Compaction;

/// <summary>What the first pass over a range found out.</summary>
/// <remarks>Owner: one <see cref="PartitionCompactor"/> run.</remarks>
internal sealed class CompactionPlan(int keysMax, int producersMax)
{
    private readonly Dictionary<long, long> _lastBatchOfProducer = [];

    public KeyMap Keys { get; } = new(keysMax);

    /// <summary>Where the range begins: the first whole batch.</summary>
    public long From { get; set; } = -1;

    /// <summary>Null while no transaction has been met.</summary>
    public TransactionFates? Fates { get; init; }

    /// <summary>A transaction was met, and nobody had looked how transactions ended: to be planned anew.</summary>
    public bool NeedsFates { get; set; }

    /// <summary>Exclusive end: what follows is not committed, too young, not decided, or had no room in the map.</summary>
    public long To { get; set; } = -1;

    /// <summary>Base offset of the last batch: it is kept at least as a bare header, so that the log keeps its end.</summary>
    public long LastBatch { get; set; } = -1;

    /// <summary>Records with a key in the part that was never compacted.</summary>
    public long DirtyRecords { get; set; }

    public long DirtyBytes { get; set; }

    /// <summary>A tombstone or a marker may go now, or was never given its time; or there is something that was aborted.</summary>
    public bool HasTombstoneWork { get; set; }

    /// <summary>
    /// The start offset cuts a batch in two, which is left alone: an older record of a key may live on in it, so that no
    /// tombstone may go.
    /// </summary>
    public bool HasCutBatch { get; set; }

    /// <summary>The map was full before the end was reached: another pass follows.</summary>
    public bool IsPartial { get; set; }

    public void NoteProducer(in RecordBatchHeader header)
    {
        if (header.ProducerId >= 0 && (_lastBatchOfProducer.Count < producersMax || _lastBatchOfProducer.ContainsKey(header.ProducerId)))
        {
            _lastBatchOfProducer[header.ProducerId] = header.BaseOffset;
        }
    }

    /// <summary>Whether the batch must stay as a header at least: it ends the log, or says its producer's last sequence.</summary>
    public bool MustKeep(in RecordBatchHeader header) =>
        header.BaseOffset == LastBatch
        || (header.ProducerId >= 0
            && (!_lastBatchOfProducer.TryGetValue(header.ProducerId, out long last) || last == header.BaseOffset));
}
