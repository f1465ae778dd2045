using PipeRoll.Simulation.Engine;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Objects;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Wal;

namespace PipeRoll.Simulation.Streams;

/// <summary>What is known of one stream from outside: what was appended, and how much of it somebody was told to be durable.</summary>
internal sealed class ObjectWalStream(SimulatedWorld world, StreamId id, long epoch) : IWalClient
{
    public StreamId Id => id;

    public long Epoch => epoch;

    /// <summary>One per offset.</summary>
    public List<ScenarioBatch> Appended { get; } = [];

    public long ConfirmedEnd { get; private set; }

    /// <summary>Exclusive end of what clients were promised.</summary>
    public long AcknowledgedEnd { get; private set; }

    /// <summary>As far as its writer knows.</summary>
    public long CommittedEnd { get; set; }

    public void Acknowledged(long end) => AcknowledgedEnd = Math.Max(AcknowledgedEnd, end);

    public void Confirmed(in StreamBatch batch)
    {
        Require(batch.BaseOffset == ConfirmedEnd, $"offset {batch.BaseOffset} was confirmed after {ConfirmedEnd}");
        ConfirmedEnd = batch.EndOffset;
        Acknowledged(ConfirmedEnd);
    }

    /// <summary>Everything promised is committed, and what is committed is what was appended: each offset once, in order.</summary>
    public async Task CheckAsync(ObjectWalWorld scenario)
    {
        StreamState state = (await scenario.Truth.ReadStreamsAsync([id])).Single();
        Require(
            AcknowledgedEnd <= state.CommittedOffset,
            $"offsets up to {AcknowledgedEnd} were acknowledged, but only those up to {state.CommittedOffset} are there: lost");
        long next = 0;
        foreach (StreamRange range in await scenario.Truth.ListRangesAsync(id, 0, int.MaxValue))
        {
            Require(range.BaseOffset == next, $"a range begins at {range.BaseOffset} where {next} is next");
            next = CheckRange(scenario, range);
            Require(next == range.EndOffset, $"object {range.ObjectId} ends at {next}, its range at {range.EndOffset}");
        }

        Require(next == state.CommittedOffset, $"the ranges end at {next}, the stream at {state.CommittedOffset}");
    }

    private long CheckRange(ObjectWalWorld scenario, in StreamRange range)
    {
        byte[] bytes = scenario.Bucket.Objects[ObjectKeys.ForData(range.ObjectId)];
        var index = ObjectIndex.Parse(range.ObjectId, range.IndexPosition, bytes.AsSpan((int)range.IndexPosition));
        long next = range.BaseOffset;
        long from = range.BaseOffset;
        long to = range.EndOffset;
        foreach (BlockEntry entry in index.Blocks.Where(b => b.Stream == id && b.BaseOffset >= from && b.EndOffset <= to))
        {
            ReadOnlySpan<byte> block = bytes.AsSpan((int)entry.Position, entry.Bytes);
            Require(ObjectFormat.FindBlockFault(block, entry) is null, $"a block of object {range.ObjectId} is damaged");
            int body = ObjectFormat.BodyPosition(entry.BatchCount);
            for (int i = 0; i < entry.BatchCount; i++)
            {
                BatchEntry batch = ObjectFormat.ReadBatchEntry(block, i);
                Require(batch.BaseOffset == next && next < Appended.Count, $"object {range.ObjectId} holds {batch.BaseOffset} where {next} is next");
                Require(
                    block.Slice(body, batch.Bytes).SequenceEqual(Appended[(int)next].Bytes), $"offset {next} holds other bytes than were appended");
                body += batch.Bytes;
                next += batch.Count;
            }
        }

        return next;
    }

    private void Require(bool holds, string what)
    {
        if (!holds)
        {
            var broken = new BrokenPromiseException($"stream {id}: {what}");
            world.Fail(broken);
            throw broken;
        }
    }
}
