using PipeRoll.Simulation.Streams;

namespace PipeRoll.Simulation.Kafka;

/// <summary>One record that was ever sent to a partition: by whom, and the how many-th of that producer there.</summary>
internal readonly record struct SentRecord(int Producer, int Number);

/// <summary>
/// What the clients of one partition know together: which record anybody was told or shown at which offset. Once known, it
/// stays; a producer's records are there once, and in their order.
/// </summary>
/// <remarks>Owner: the scenario; outlives brokers and clients.</remarks>
/// <param name="onBroken">Ends the run, also when whoever called swallows the exception.</param>
/// <param name="oneLeader">There is never more than one leader: every answer must know all that was acknowledged before it was asked.</param>
internal sealed class PartitionModel(int partition, bool oneLeader, Action<Exception> onBroken)
{
    private readonly Dictionary<long, SentRecord> _atOffset = [];
    private readonly Dictionary<SentRecord, long> _offsetOf = [];
    private readonly HashSet<SentRecord> _acknowledgedWithoutOffset = [];

    public int Partition => partition;

    /// <summary>Exclusive end of what anybody has seen or was told.</summary>
    public long KnownEnd { get; private set; }

    /// <summary>Exclusive end of what was acknowledged.</summary>
    public long AcknowledgedEnd { get; private set; }

    public int AcknowledgedCount { get; private set; }

    /// <param name="baseOffset">-1 when the broker knows the batch for a duplicate and not its offset any more.</param>
    public void Acknowledged(int producer, int first, int count, long baseOffset)
    {
        AcknowledgedCount += count;
        for (int index = 0; index < count; index++)
        {
            var record = new SentRecord(producer, first + index);
            if (baseOffset < 0)
            {
                _acknowledgedWithoutOffset.Add(record);
                continue;
            }

            Know(baseOffset + index, record, "acknowledged");
            AcknowledgedEnd = Math.Max(AcknowledgedEnd, baseOffset + index + 1);
        }
    }

    public void Shown(long offset, SentRecord record) => Know(offset, record, "read");

    /// <summary>An answer under a leader epoch; a deposed leader may not know what its successor has acknowledged.</summary>
    public void SawHighWatermark(int epoch, long highWatermark, long acknowledgedBefore) => Require(
        !oneLeader || highWatermark >= acknowledgedBefore,
        $"the high watermark is {highWatermark} under epoch {epoch}, but {acknowledgedBefore} was acknowledged before");

    /// <summary>A reader has seen every offset below <paramref name="end"/>: nothing that was acknowledged may be missing.</summary>
    public void CheckComplete(long end)
    {
        Require(end >= KnownEnd, $"the log ends at {end}, but {KnownEnd} was known");
        for (long offset = 0; offset < end; offset++)
        {
            Require(_atOffset.ContainsKey(offset), $"nothing was ever seen at {offset}");
        }

        foreach (SentRecord record in _acknowledgedWithoutOffset)
        {
            Require(_offsetOf.ContainsKey(record), $"lost: {record} was acknowledged as a duplicate and is not there");
        }
    }

    /// <summary>All of a producer's records are there, and no other.</summary>
    public void CheckProducer(int producer, int sent)
    {
        int found = _offsetOf.Keys.Count(record => record.Producer == producer);
        Require(found == sent, $"producer {producer} sent {sent} records, {found} are there");
    }

    public void Require(bool holds, string what)
    {
        if (!holds)
        {
            var broken = new BrokenPromiseException($"partition {partition}: {what}");
            onBroken(broken);
            throw broken;
        }
    }

    private void Know(long offset, SentRecord record, string how)
    {
        if (_atOffset.TryGetValue(offset, out SentRecord known))
        {
            Require(known == record, $"{record} was {how} at {offset}, where {known} was before");
            return;
        }

        if (_offsetOf.TryGetValue(record, out long other))
        {
            Require(false, $"doubled: {record} was {how} at {offset} and is at {other} too");
        }

        _atOffset[offset] = record;
        _offsetOf[record] = offset;
        KnownEnd = Math.Max(KnownEnd, offset + 1);
        CheckOrder(record, offset, -1);
        CheckOrder(record, offset, +1);
    }

    private void CheckOrder(SentRecord record, long offset, int step)
    {
        if (_offsetOf.TryGetValue(record with { Number = record.Number + step }, out long neighbour))
        {
            Require(step < 0 ? neighbour < offset : neighbour > offset, $"reordered: {record} is at {offset}, its neighbour at {neighbour}");
        }
    }
}
