using CsCheck;
using PipeRoll.Broker.Partitions;
using PipeRoll.Streams;

namespace PipeRoll.Broker.Tests.Partitions;

public sealed class ProducerStateTableTests
{
    /// <summary>The rules in their plainest form: every accepted batch of every producer, for ever.</summary>
    private sealed class Model
    {
        private readonly Dictionary<long, List<(short Epoch, int First, int Last, long Offset)>> _accepted = [];

        public (ProducerVerdict Verdict, long Offset) Check(in ProducerBatch batch)
        {
            if (!_accepted.TryGetValue(batch.ProducerId, out var all))
            {
                return (batch.FirstSequence == 0 || batch.ProducerId <= ForgottenAtFirst
                    ? ProducerVerdict.Accept : ProducerVerdict.OutOfOrderSequence, -1);
            }

            (short epoch, _, int lastSequence, _) = all[^1];
            if (batch.Epoch < epoch)
            {
                return (ProducerVerdict.InvalidEpoch, -1);
            }

            if (batch.Epoch > epoch)
            {
                return (batch.FirstSequence == 0 ? ProducerVerdict.Accept : ProducerVerdict.OutOfOrderSequence, -1);
            }

            foreach (var earlier in all.Where(entry => entry.Epoch == epoch).TakeLast(5))
            {
                if (earlier.First == batch.FirstSequence && earlier.Last == batch.LastSequence)
                {
                    return (ProducerVerdict.Duplicate, earlier.Offset);
                }
            }

            int expected = lastSequence == int.MaxValue ? 0 : lastSequence + 1;
            return (batch.FirstSequence == expected ? ProducerVerdict.Accept : ProducerVerdict.OutOfOrderSequence, -1);
        }

        public void Append(in ProducerBatch batch, long offset)
        {
            if (!_accepted.TryGetValue(batch.ProducerId, out var all))
            {
                _accepted[batch.ProducerId] = all = [];
            }

            all.Add((batch.Epoch, batch.FirstSequence, batch.LastSequence, offset));
        }
    }

    /// <summary>Producers 0 and 1 were here before, and were forgotten.</summary>
    private const int ForgottenAtFirst = 1;

    private static readonly Gen<(int Producer, int EpochStep, int Kind, int Count, int Sequence)> Step =
        Gen.Select(Gen.Int[0, 3], Gen.Frequency((8, Gen.Const(0)), (1, Gen.Const(1)), (1, Gen.Const(-1))), Gen.Int[0, 9], Gen.Int[1, 4],
            Gen.OneOf(Gen.Int[0, 6], Gen.Int[int.MaxValue - 4, int.MaxValue]));

    [Fact]
    public void Verdicts_are_those_of_the_plain_rules() =>
        Step.Array[1, 120].Sample(steps =>
        {
            var table = new ProducerStateTable(100);
            table.Append(new ProducerBatch(ForgottenAtFirst, 0, 0, 0), 0, 0, -1, Task.CompletedTask, nowMs: 0);
            Assert.Equal(1, table.Expire(nowMs: 100, maxAgeMs: 1));
            var model = new Model();
            var recent = new List<ProducerBatch>();
            var last = new Dictionary<long, ProducerBatch>();
            long offset = 0;
            foreach ((int producer, int epochStep, int kind, int count, int sequence) in steps)
            {
                ProducerBatch batch = Next(last, recent, producer, epochStep, kind, count, sequence);
                (ProducerVerdict expected, long original) = model.Check(batch);
                ProducerVerdict verdict = table.Check(batch, out AppendedBatch found, out _);
                Assert.Equal(expected, verdict);
                if (verdict == ProducerVerdict.Duplicate)
                {
                    Assert.Equal(original, found.BaseOffset);
                }

                if (verdict != ProducerVerdict.Accept)
                {
                    continue;
                }

                model.Append(batch, offset);
                table.Append(batch, offset, offset + count - 1, -1, Task.CompletedTask, nowMs: 0);
                offset += count;
                recent.Add(batch);
                last[batch.ProducerId] = batch;
                table = ThroughBytes(table);
            }
        });

    /// <summary>Mostly what a good client would send next, often a retry, sometimes anything.</summary>
    private static ProducerBatch Next(
        Dictionary<long, ProducerBatch> last, List<ProducerBatch> recent, int producer, int epochStep, int kind, int count, int sequence)
    {
        if (kind is 7 or 8 && recent.Count > 0)
        {
            return recent[sequence % Math.Min(recent.Count, 8) is var back ? recent.Count - 1 - back : 0];
        }

        bool isKnown = last.TryGetValue(producer, out ProducerBatch previous);
        short epoch = (short)Math.Max(0, (isKnown ? previous.Epoch : 1) + epochStep);
        int first = kind == 9 || (!isKnown && producer <= ForgottenAtFirst) ? sequence
            : !isKnown ? 0
            : epochStep > 0 ? 0
            : ProducerBatch.Advance(previous.LastSequence, 1);
        return new ProducerBatch(producer, epoch, first, ProducerBatch.Advance(first, count - 1));
    }

    private static ProducerStateTable ThroughBytes(ProducerStateTable table)
    {
        var read = new ProducerStateTable(100);
        ProducerStateCodec.Read(ProducerStateCodec.Write(table, new LeaderEpochs(), new PartitionTransactions()), read, new LeaderEpochs(), new PartitionTransactions());
        return read;
    }

    [Fact]
    public void The_producer_silent_for_longest_is_forgotten_first()
    {
        var table = new ProducerStateTable(2);
        foreach (long producer in (long[])[1, 2, 1, 3])
        {
            table.Append(new ProducerBatch(producer, 0, 0, 0), 0, 0, -1, Task.CompletedTask, nowMs: producer);
        }

        Assert.Equal([1, 3], table.Producers.Select(entry => entry.ProducerId));
        Assert.Equal(1, table.Expire(nowMs: 12, maxAgeMs: 10));
        Assert.Equal([3], table.Producers.Select(entry => entry.ProducerId));
    }

    [Fact]
    public void A_producer_that_was_never_here_may_not_begin_in_the_middle_and_one_that_was_forgotten_may()
    {
        var table = new ProducerStateTable(1);
        table.Append(new ProducerBatch(7, 0, 0, 4), 0, 4, -1, Task.CompletedTask, nowMs: 0);
        Assert.Equal(ProducerVerdict.OutOfOrderSequence, table.Check(new ProducerBatch(8, 0, 1, 1), out _, out int expected));
        Assert.Equal(0, expected);
        Assert.Equal(ProducerVerdict.Accept, table.Check(new ProducerBatch(8, 0, 0, 0), out _, out _));
        table.Append(new ProducerBatch(8, 0, 0, 0), 5, 5, -1, Task.CompletedTask, nowMs: 0); // 7 has to go
        table = ThroughBytes(table);
        Assert.Equal(ProducerVerdict.Accept, table.Check(new ProducerBatch(7, 0, 5, 5), out _, out _));
        Assert.Equal(ProducerVerdict.OutOfOrderSequence, table.Check(new ProducerBatch(9, 0, 5, 5), out _, out _));
    }

    [Fact]
    public void A_state_comes_back_from_its_bytes_with_its_epochs()
    {
        var table = new ProducerStateTable(10);
        var epochs = new LeaderEpochs();
        epochs.Note(3, 0);
        epochs.Note(7, 12);
        for (int sequence = 0; sequence < 8; sequence++)
        {
            table.Append(new ProducerBatch(5, 2, sequence, sequence), 100 + sequence, 100 + sequence, 42, Task.CompletedTask, nowMs: 9);
        }

        var readTable = new ProducerStateTable(10);
        var readEpochs = new LeaderEpochs();
        ProducerStateCodec.Read(ProducerStateCodec.Write(table, epochs, new PartitionTransactions()), readTable, readEpochs, new PartitionTransactions());
        Assert.Equal([(3, 0L), (7, 12L)], readEpochs.Entries);
        ProducerEntry entry = Assert.Single(readTable.Producers);
        Assert.Equal((5L, (short)2, 5, 9L), (entry.ProducerId, entry.Epoch, entry.Count, entry.LastAppendMs));
        Assert.Equal((3, 103L, 42L), (entry[0].FirstSequence, entry[0].BaseOffset, entry[0].Timestamp));
    }

    [Fact]
    public void Damaged_bytes_are_never_taken_for_a_state()
    {
        var table = new ProducerStateTable(10);
        table.Append(new ProducerBatch(5, 2, 0, 0), 0, 0, -1, Task.CompletedTask, nowMs: 0);
        byte[] good = ProducerStateCodec.Write(table, new LeaderEpochs(), new PartitionTransactions());
        Gen.Int[0, good.Length - 1].Select(Gen.Byte[1, 255]).Sample((at, flip) =>
        {
            byte[] damaged = [.. good];
            damaged[at] ^= flip;
            Assert.Throws<CorruptDataException>(() => ProducerStateCodec.Read(damaged, new ProducerStateTable(10), new LeaderEpochs(), new PartitionTransactions()));
        });
        for (int length = 0; length < good.Length; length++)
        {
            Assert.Throws<CorruptDataException>(() =>
                ProducerStateCodec.Read(good.AsSpan(0, length), new ProducerStateTable(10), new LeaderEpochs(), new PartitionTransactions()));
        }
    }

    [Fact]
    public void A_full_table_fits_into_one_checkpoint()
    {
        var table = new ProducerStateTable(ProducerStateCodec.ProducersMax);
        var epochs = new LeaderEpochs();
        for (int epoch = 0; epoch < LeaderEpochs.EntriesMax + 10; epoch++)
        {
            epochs.Note(epoch, epoch);
        }

        for (int producer = 0; producer < ProducerStateCodec.ProducersMax + 10; producer++)
        {
            for (int sequence = 0; sequence < 6; sequence++)
            {
                table.Append(new ProducerBatch(producer, 0, sequence, sequence), 0, 0, -1, Task.CompletedTask, nowMs: 0);
            }
        }

        Assert.InRange(ProducerStateCodec.Write(table, epochs, new PartitionTransactions()).Length, 1, StreamLimits.CheckpointBytesMax);
    }
}
