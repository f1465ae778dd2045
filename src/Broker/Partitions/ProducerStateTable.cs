using PipeRoll.Wire;

namespace PipeRoll.Broker.Partitions;

/// <summary>
/// Idempotence of one partition: which batch of which producer came last, so that a retry is recognised and a gap refused.
/// </summary>
/// <remarks>
/// Rules as Kafka 3.x and 4.x have them (KIP-98, KIP-360), but for one: there a producer that is not known may start at any sequence
/// number, because its state may have been forgotten. Then a batch that was refused while the partition was not open can be overtaken by
/// the next one of the same pipeline, and is lost. Here it may do so only when its state can have been forgotten: ids ascend, and the
/// highest one that ever was is kept. Anything else is a gap, which clients retry in order. UNKNOWN_PRODUCER_ID is never answered.
/// Owner: the partition; every call under its lock. Memory is bounded by the number of producers: the one that was
/// silent for longest is forgotten first. The state is a fold over the batch headers of the log, except for expiry.
/// </remarks>
internal sealed class ProducerStateTable(int producersMax)
{
    private readonly Dictionary<long, ProducerEntry> _producers = [];

    // Least recently used first.
    private readonly LinkedList<ProducerEntry> _order = new();

    public int Count => _producers.Count;

    /// <summary>The highest producer id that was ever forgotten here; -1 for none.</summary>
    public long ForgottenMax { get; private set; } = -1;

    /// <summary>Least recently used first: the order that a checkpoint keeps.</summary>
    public IEnumerable<ProducerEntry> Producers => _order;

    /// <param name="original">The batch already in the log, when the verdict is <see cref="ProducerVerdict.Duplicate"/>.</param>
    /// <param name="expectedSequence">What should have come, when the verdict is <see cref="ProducerVerdict.OutOfOrderSequence"/>.</param>
    public ProducerVerdict Check(in ProducerBatch batch, out AppendedBatch original, out int expectedSequence)
    {
        original = default;
        expectedSequence = 0;
        if (!_producers.TryGetValue(batch.ProducerId, out ProducerEntry? entry))
        {
            return batch.FirstSequence <= 0 || batch.ProducerId <= ForgottenMax
                ? ProducerVerdict.Accept : ProducerVerdict.OutOfOrderSequence;
        }

        if (batch.Epoch < entry.Epoch)
        {
            return ProducerVerdict.InvalidEpoch;
        }

        if (batch.FirstSequence < 0)
        {
            // Written by a coordinator in the producer's name (offsets of a group): it has the order in its hands.
            return ProducerVerdict.Accept;
        }

        if (batch.Epoch > entry.Epoch)
        {
            return batch.FirstSequence == 0 ? ProducerVerdict.Accept : ProducerVerdict.OutOfOrderSequence;
        }

        if (entry.TryFind(batch, out original))
        {
            return ProducerVerdict.Duplicate;
        }

        expectedSequence = ProducerBatch.Advance(entry.LastSequence, 1);
        return batch.FirstSequence == expectedSequence ? ProducerVerdict.Accept : ProducerVerdict.OutOfOrderSequence;
    }

    /// <summary>Folds an appended batch in; it was checked before, or comes from the log.</summary>
    public void Append(in ProducerBatch batch, long baseOffset, long lastOffset, long timestamp, Task durable, long nowMs)
    {
        ProducerEntry entry = Touch(batch.ProducerId, batch.Epoch, nowMs);
        if (batch.FirstSequence < 0)
        {
            entry.MoveTo(batch.Epoch);
            return;
        }

        entry.Add(batch.Epoch, new AppendedBatch(batch.FirstSequence, batch.LastSequence, baseOffset, lastOffset, timestamp, durable));
    }

    /// <summary>Whether a transaction of the producer may be ended so: nobody newer has fenced the producer or the coordinator.</summary>
    public KafkaError CheckMarker(in TransactionMarker marker)
    {
        if (!_producers.TryGetValue(marker.ProducerId, out ProducerEntry? entry))
        {
            return KafkaError.None;
        }

        return marker.Epoch < entry.Epoch ? KafkaError.InvalidProducerEpoch
            : marker.CoordinatorEpoch < entry.CoordinatorEpoch ? KafkaError.TransactionCoordinatorFenced
            : KafkaError.None;
    }

    /// <summary>Folds in a marker: what comes with a lower epoch from here on is a zombie's.</summary>
    public void Append(in TransactionMarker marker, long nowMs)
    {
        ProducerEntry entry = Touch(marker.ProducerId, marker.Epoch, nowMs);
        entry.MoveTo(marker.Epoch);
        entry.CoordinatorEpoch = Math.Max(entry.CoordinatorEpoch, marker.CoordinatorEpoch);
    }

    /// <summary>The epoch that the producer was last seen with; -1 when it is not known.</summary>
    public short EpochOf(long producerId) => _producers.TryGetValue(producerId, out ProducerEntry? entry) ? entry.Epoch : (short)-1;

    /// <summary>Puts back an entry from a checkpoint; entries come least recently used first.</summary>
    public void Restore(ProducerEntry entry) => Insert(entry);

    /// <summary>Puts back <see cref="ForgottenMax"/> from a checkpoint.</summary>
    public void RestoreForgotten(long producerIdMax) => ForgottenMax = Math.Max(ForgottenMax, producerIdMax);

    /// <summary>Forgets who was silent for longer than <paramref name="maxAgeMs"/>. Returns how many.</summary>
    public int Expire(long nowMs, long maxAgeMs)
    {
        int expired = 0;
        while (_order.First is { } oldest && nowMs - oldest.Value.LastAppendMs > maxAgeMs)
        {
            Forget(oldest.Value);
            expired++;
        }

        return expired;
    }

    private ProducerEntry Touch(long producerId, short epoch, long nowMs)
    {
        if (!_producers.TryGetValue(producerId, out ProducerEntry? entry))
        {
            entry = new ProducerEntry(producerId, epoch);
            Insert(entry);
        }
        else
        {
            _order.Remove(entry.Place!);
            _order.AddLast(entry.Place!);
        }

        entry.LastAppendMs = nowMs;
        return entry;
    }

    private void Insert(ProducerEntry entry)
    {
        if (_producers.Count >= producersMax)
        {
            Forget(_order.First!.Value);
        }

        entry.Place = _order.AddLast(entry);
        _producers.Add(entry.ProducerId, entry);
    }

    private void Forget(ProducerEntry entry)
    {
        _order.Remove(entry.Place!);
        _producers.Remove(entry.ProducerId);
        ForgottenMax = Math.Max(ForgottenMax, entry.ProducerId);
    }
}
