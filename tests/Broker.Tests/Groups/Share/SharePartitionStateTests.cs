using CsCheck;
using PipeRoll.Broker.Shares;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Groups.Share;

public sealed class SharePartitionStateTests
{
    private const int DeliveriesMax = 3;
    private const int RecordsMax = 20;

    private static readonly Gen<(int Action, int Member, int First, int Count, int Type)> Step =
        Gen.Select(Gen.Int[0, 10], Gen.Int[0, 2], Gen.Int[0, 30], Gen.Int[1, 8], Gen.Int[0, 3]);

    /// <summary>Compares ranges with a model that knows each record by itself.</summary>
    [Fact]
    public void RangesAgreeWithAModelOfSingleRecords() => Step.Array[1, 80].Sample(
        steps =>
        {
            SharePartitionState state = new(0, DeliveriesMax, RecordsMax);
            Model model = new();
            long nowMs = 0;
            foreach ((int action, int index, int first, int count, int type) in steps)
            {
                string member = $"m{index}";
                nowMs++;
                switch (action)
                {
                    case <= 3:
                        if (state.NextOffset is { } next)
                        {
                            Assert.Equal(model.NextOffset(), next);
                            long last = next + count + 2;
                            Assert.Equal(model.Acquire(member, next, last, count, nowMs + 10), Flat(state.Acquire(member, next, last, count, nowMs + 10)));
                        }

                        break;
                    case <= 6:
                        long from = state.StartOffset + first;
                        ShareAckBatch batch = new(from, from + count - 1, [(sbyte)type]);
                        Assert.Equal(model.Acknowledge(member, batch), state.Acknowledge(member, [batch]));
                        break;
                    case 7:
                        Assert.Equal(model.Release(member), state.Release(member));
                        break;
                    case 8:
                        nowMs += first;
                        Assert.Equal(model.Tick(nowMs), state.Tick(nowMs));
                        break;
                    case 9:
                        long left = state.StartOffset + first;
                        Assert.Equal(model.Archive(left, left + count - 1), state.Archive(left, left + count - 1));
                        break;
                    default:
                        SharePartitionState restored = SharePartitionState.Of(state.Snapshot(), DeliveriesMax, RecordsMax);
                        model.Restart();
                        state = restored;
                        break;
                }

                model.Advance();
                Assert.Equal(model.Start, state.StartOffset);
                Assert.Equal(model.Flat(), state.Ranges.SelectMany(static range => Enumerable.Range(0, (int)range.Count)
                    .Select(at => (range.First + at, range.State, range.Deliveries, range.MemberId))));
            }
        },
        iter: 2_000);

    [Fact]
    public void TypesOfSingleRecordsSplitABatch()
    {
        SharePartitionState state = new(10, 5, 100);
        Assert.Equal([new AcquiredRange(10, 19, 1)], state.Acquire("a", 10, 19, 50, 1_000));
        Assert.Equal(KafkaError.None, state.Acknowledge("a", [new ShareAckBatch(10, 13, [1, 2, 3, 0])]));
        Assert.Equal((11, 11), (state.StartOffset, state.NextOffset));
        Assert.Equal([new AcquiredRange(11, 11, 2)], state.Acquire("b", 11, 19, 50, 1_000));
        Assert.Equal(KafkaError.InvalidRecordState, state.Acknowledge("a", [new ShareAckBatch(11, 14, [1])]));
        Assert.Equal(KafkaError.None, state.Acknowledge("a", [new ShareAckBatch(14, 19, [1])]));
        Assert.Equal(KafkaError.None, state.Acknowledge("b", [new ShareAckBatch(11, 11, [1])]));
        Assert.Equal((20, 20), (state.StartOffset, state.EndOffset));
    }

    [Theory]
    [InlineData(0, 4, new sbyte[] { 1, 1 })]
    [InlineData(0, 4, new sbyte[] { })]
    [InlineData(0, 4, new sbyte[] { 4 })]
    [InlineData(4, 0, new sbyte[] { 1 })]
    [InlineData(0, 10, new sbyte[] { 1 })]
    public void MalformedAcknowledgementsChangeNothing(long first, long last, sbyte[] types)
    {
        SharePartitionState state = new(0, 5, 100);
        state.Acquire("a", 0, 9, 50, 1_000);
        Assert.Equal(KafkaError.InvalidRequest, state.Acknowledge("a", [new ShareAckBatch(0, 1, [1]), new ShareAckBatch(first, last, types)]));
        Assert.Equal(0, state.StartOffset);
    }

    [Fact]
    public void ALogThatBeginsLaterTakesTheRecordsBeforeWithIt()
    {
        SharePartitionState state = new(0, 5, 100);
        state.Acquire("a", 0, 9, 50, 1_000);
        Assert.True(state.Trim(5));
        Assert.False(state.Trim(5));
        Assert.Equal((5, 10), (state.StartOffset, state.EndOffset));
        Assert.True(state.Trim(30));
        Assert.Equal((30, 30), (state.StartOffset, state.NextOffset));
    }

    private static IEnumerable<(long Offset, int Deliveries)> Flat(IReadOnlyList<AcquiredRange> ranges) =>
        [.. ranges.SelectMany(static range => Enumerable.Range(0, (int)(range.Last - range.First + 1)).Select(at => (range.First + at, range.Deliveries)))];

    private sealed class Model
    {
        private readonly SortedDictionary<long, (ShareRecordState State, int Deliveries, string? Member, long Until)> _records = [];

        public long Start { get; private set; }

        private long End => _records.Count == 0 ? Start : _records.Keys.Last() + 1;

        public IEnumerable<(long, ShareRecordState, int, string?)> Flat() =>
            _records.Select(static record => (record.Key, record.Value.State, record.Value.Deliveries, record.Value.Member));

        public long NextOffset() =>
            _records.Where(static record => record.Value.State == ShareRecordState.Available).Select(static record => (long?)record.Key).FirstOrDefault() ?? End;

        public IEnumerable<(long Offset, int Deliveries)> Acquire(string member, long first, long last, int most, long untilMs)
        {
            List<(long, int)> acquired = [];
            long[] known = [.. _records.Where(record => record.Value.State == ShareRecordState.Available && record.Key >= first && record.Key <= last)
                .Select(static record => record.Key)];
            foreach (long offset in known.Take(most))
            {
                int deliveries = _records[offset].Deliveries + 1;
                _records[offset] = (ShareRecordState.Acquired, deliveries, member, untilMs);
                acquired.Add((offset, deliveries));
            }

            while (acquired.Count < most && End <= last && End - Start < RecordsMax)
            {
                acquired.Add((End, 1));
                _records[End] = (ShareRecordState.Acquired, 1, member, untilMs);
            }

            return acquired;
        }

        public KafkaError Acknowledge(string member, ShareAckBatch batch)
        {
            if (batch.Last >= End)
            {
                return KafkaError.InvalidRequest;
            }

            for (long offset = batch.First; offset <= batch.Last; offset++)
            {
                if (_records[offset].State != ShareRecordState.Acquired || _records[offset].Member != member)
                {
                    return KafkaError.InvalidRecordState;
                }
            }

            for (long offset = batch.First; offset <= batch.Last; offset++)
            {
                int deliveries = _records[offset].Deliveries;
                ShareRecordState state = batch.Types[0] switch
                {
                    1 => ShareRecordState.Acknowledged,
                    2 => deliveries >= DeliveriesMax ? ShareRecordState.Archived : ShareRecordState.Available,
                    _ => ShareRecordState.Archived,
                };
                _records[offset] = (state, deliveries, null, 0);
            }

            return KafkaError.None;
        }

        public bool Archive(long first, long last)
        {
            bool changes = false;
            for (long offset = first; offset <= last; offset++)
            {
                if (offset >= End && offset < Start + RecordsMax)
                {
                    while (End < offset)
                    {
                        _records[End] = (ShareRecordState.Available, 0, null, 0);
                    }

                    _records[offset] = (ShareRecordState.Archived, 0, null, 0);
                    changes = true;
                }
                else if (_records.TryGetValue(offset, out var record) && record.State == ShareRecordState.Available)
                {
                    _records[offset] = (ShareRecordState.Archived, record.Deliveries, null, 0);
                    changes = true;
                }
            }

            return changes;
        }

        public bool Release(string member) => ReleaseWhere(record => record.Member == member);

        public bool Tick(long nowMs) => ReleaseWhere(record => record.Until <= nowMs);

        public void Restart() => ReleaseWhere(static _ => true);

        public void Advance()
        {
            while (_records.TryGetValue(Start, out var record) && record.State is ShareRecordState.Acknowledged or ShareRecordState.Archived && _records.ContainsKey(Start))
            {
                _records.Remove(Start++);
            }
        }

        private bool ReleaseWhere(Func<(ShareRecordState State, int Deliveries, string? Member, long Until), bool> which)
        {
            long[] released = [.. _records.Where(record => record.Value.State == ShareRecordState.Acquired && which(record.Value)).Select(static record => record.Key)];
            foreach (long offset in released)
            {
                int deliveries = _records[offset].Deliveries;
                _records[offset] = (deliveries >= DeliveriesMax ? ShareRecordState.Archived : ShareRecordState.Available, deliveries, null, 0);
            }

            return released.Length > 0;
        }
    }
}
