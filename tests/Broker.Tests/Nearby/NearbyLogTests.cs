using PipeRoll.Broker.Nearby;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Tests.Nearby;

public sealed class NearbyLogTests
{
    private readonly NearbyCache _cache = new(bytesMax: 10_000);

    [Fact]
    public void What_all_logs_keep_is_bounded_and_the_first_that_came_goes_first()
    {
        NearbyLog one = Log();
        NearbyLog other = Log();
        for (int round = 0; round < 10; round++)
        {
            Take(round % 2 == 0 ? one : other, round, 1_500);
        }

        Assert.InRange(_cache.Used, 1, 10_000);
        Assert.Null(one.Find(0, 1));
        Assert.Null(other.Find(1, 1));
        Assert.NotNull(one.Find(8, 1));
        Assert.NotNull(other.Find(9, 1));
        long before = _cache.Used;
        other.Clear();
        Assert.Null(other.Find(9, 1));
        Assert.InRange(_cache.Used, 1, before - 1);
        one.Clear();
        Assert.Equal(0, _cache.Used);
    }

    [Fact]
    public void A_chunk_larger_than_all_there_is_room_for_is_kept_alone()
    {
        NearbyLog log = Log();
        Take(log, 0, 500);
        Take(log, 1, 20_000);
        Assert.Null(log.Find(0, 1));
        Assert.Equal(2, log.Find(1, 1)!.Value.EndOffset);
        Take(log, 2, 500);
        Assert.Null(log.Find(1, 1));
        Assert.NotNull(log.Find(2, 1));
    }

    [Fact]
    public void A_log_of_small_pieces_keeps_the_last_of_them()
    {
        var cache = new NearbyCache(long.MaxValue);
        NearbyLog log = Log(cache);
        for (int offset = 0; offset < 1_500; offset++)
        {
            Take(log, offset, 10);
        }

        Assert.Null(log.Find(1_500 - 1_024 - 1, 1));
        Assert.NotNull(log.Find(1_500 - 1_024, 1));
        Assert.Equal(1_024 * log.Find(1_499, 1)!.Value.Records.Length, cache.Used);
    }

    [Fact]
    public void A_longer_answer_takes_the_place_of_a_shorter_one_and_is_not_counted_twice()
    {
        NearbyLog log = Log();
        Take(log, 0, 100);
        long one = _cache.Used;
        Take(log, 0, 100);
        Assert.Equal(one, _cache.Used);
        Take(log, 0, 100, batches: 2);
        Assert.Equal(2 * one, _cache.Used);
        Assert.Equal(2, log.Find(0, 1 << 20)!.Value.EndOffset);
    }

    [Fact]
    public void The_end_is_followed_once_a_reader_has_come_to_it_and_not_before()
    {
        NearbyLog log = Log();
        Take(log, 0, 100, highWatermark: 5);
        Assert.Equal(-1, log.Tail);
        Take(log, 4, 100, highWatermark: 5);
        Assert.Equal(5, log.Tail);
        log.Take(5, new NearbyAnswer(KafkaError.None, new NearbyBounds(0, 5, 5), null), 0);
        Assert.Equal(5, log.Tail);
        log.Take(5, NearbyAnswer.Failed(KafkaError.NotLeaderOrFollower), 0);
        Assert.Equal(-1, log.Tail);
    }

    [Fact]
    public void An_answer_that_has_no_whole_batch_is_the_leaders_failure()
    {
        byte[] cut = Batches.Of(1)[..^1];
        NearbyAnswer answer = NearbyAnswer.Of(new() { Records = new Wire.Framing.RecordsPayload(cut), HighWatermark = 1 }, 0);
        Assert.Equal(KafkaError.NotLeaderOrFollower, answer.Error);
    }

    private NearbyLog Log(NearbyCache? cache = null) => new(null!, onlyCommitted: false, cache ?? _cache);

    private static void Take(NearbyLog log, long offset, int valueBytes, int batches = 1, long highWatermark = long.MaxValue)
    {
        byte[] records = [];
        for (int at = 0; at < batches; at++)
        {
            byte[] batch = Batches.Of(1, valueBytes: valueBytes);
            RecordBatchPatch.SetBaseOffset(batch, offset + at);
            records = Batches.Joined(records, batch);
        }

        log.Take(offset, new NearbyAnswer(KafkaError.None, new NearbyBounds(0, highWatermark, highWatermark), new NearbyChunk(offset, records, [])), 0);
    }
}
