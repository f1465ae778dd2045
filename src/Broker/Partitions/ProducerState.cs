using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Partitions;

/// <summary>What the table says of a batch before it is appended.</summary>
internal enum ProducerVerdict
{
    Accept,

    /// <summary>The very batch is in the log already: answer with its offset.</summary>
    Duplicate,

    OutOfOrderSequence,

    InvalidEpoch,
}

/// <summary>The producer fields of one record batch.</summary>
/// <param name="FirstSequence">Sequence number of the first record.</param>
/// <param name="LastSequence">Of the last one; below the first when the number wrapped at 2^31.</param>
internal readonly record struct ProducerBatch(long ProducerId, short Epoch, int FirstSequence, int LastSequence)
{
    /// <summary>Sequence numbers run from 0 to 2^31-1 and then start again.</summary>
    public static int Advance(int sequence, int by) => (int)(((long)sequence + by) & int.MaxValue);

    public static ProducerBatch Of(in RecordBatchHeader header) =>
        new(header.ProducerId, header.ProducerEpoch, header.BaseSequence, header.LastSequence);
}

/// <summary>One remembered batch: enough to answer a retry as if it were the first try.</summary>
/// <param name="Timestamp">The append time that was answered, or -1 for CreateTime.</param>
/// <param name="Durable">Ends when the batch is durable, and fails when it never will be.</param>
internal readonly record struct AppendedBatch(
    int FirstSequence, int LastSequence, long BaseOffset, long LastOffset, long Timestamp, Task Durable);

/// <summary>The last batches of one producer on one partition, newest last; at most <see cref="BatchesMax"/>.</summary>
internal sealed class ProducerEntry(long producerId, short epoch)
{
    /// <summary>As many as a client may have in flight (max.in.flight.requests.per.connection of idempotent producers).</summary>
    public const int BatchesMax = 5;

    private readonly AppendedBatch[] _batches = new AppendedBatch[BatchesMax];
    private int _first;

    public long ProducerId { get; } = producerId;

    public short Epoch { get; private set; } = epoch;

    /// <summary>Of the coordinator that wrote the last marker of a transaction; -1 when there was none.</summary>
    public int CoordinatorEpoch { get; set; } = -1;

    public int Count { get; private set; }

    /// <summary>When the last batch was appended, milliseconds since the Unix epoch; expiry goes by it.</summary>
    public long LastAppendMs { get; set; }

    /// <summary>Place in the table's list of least recently used producers.</summary>
    public LinkedListNode<ProducerEntry>? Place { get; set; }

    public AppendedBatch this[int index] => _batches[(_first + index) % BatchesMax];

    public int LastSequence => Count == 0 ? -1 : this[Count - 1].LastSequence;

    /// <summary>Another epoch begins with sequence number 0 again.</summary>
    public void MoveTo(short epoch)
    {
        if (epoch != Epoch)
        {
            Epoch = epoch;
            Clear();
        }
    }

    public void Add(short epoch, in AppendedBatch batch)
    {
        MoveTo(epoch);

        if (Count == BatchesMax)
        {
            _batches[_first] = batch;
            _first = (_first + 1) % BatchesMax;
            return;
        }

        _batches[(_first + Count) % BatchesMax] = batch;
        Count++;
    }

    public bool TryFind(in ProducerBatch batch, out AppendedBatch found)
    {
        if (batch.Epoch == Epoch)
        {
            for (int i = 0; i < Count; i++)
            {
                found = this[i];
                if (found.FirstSequence == batch.FirstSequence && found.LastSequence == batch.LastSequence)
                {
                    return true;
                }
            }
        }

        found = default;
        return false;
    }

    private void Clear()
    {
        Array.Clear(_batches);
        _first = 0;
        Count = 0;
    }
}
