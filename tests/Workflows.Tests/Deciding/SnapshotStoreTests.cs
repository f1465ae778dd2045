using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Tests.Kafka;

namespace PipeRoll.Workflows.Tests.Deciding;

public sealed class SnapshotStoreTests : IDisposable
{
    private readonly MockCluster _cluster = new();
    private readonly IProducer<byte[]?, byte[]?> _producer;
    private readonly LogReader _reader;
    private readonly SnapshotStore _store = new("w", new TopicPartition("t", 3), "hash1");

    public SnapshotStoreTests()
    {
        _cluster.CreateTopic(SnapshotStore.TopicName, 1);
        _producer = KafkaClients.Producer(_cluster.Connection.ProducerConfig("test"), NullLogger.Instance);
        _reader = new LogReader(_cluster.Connection, NullLogger.Instance);
    }

    public void Dispose()
    {
        _reader.Dispose();
        _producer.Dispose();
        _cluster.Dispose();
    }

    [Fact]
    public void The_newest_snapshot_at_or_below_an_offset_is_found_whole_among_others()
    {
        byte[] large = new byte[(2 * SnapshotStore.ChunkBytesMax) + 17];
        new Random(5).NextBytes(large);
        Write(_store, 0, 100, [1, 2, 3]);
        Write(new SnapshotStore("w", new TopicPartition("t", 4), "hash1"), 0, 150, [9]);
        Write(new SnapshotStore("w", new TopicPartition("t", 3), "hash2"), 0, 160, [8]);
        Write(_store, 1, 200, large);
        Write(_store, 0, 300, []);
        _producer.Flush(TimeSpan.FromSeconds(10));

        Assert.Null(_store.Newest(_reader, 99));
        Assert.Equal([1, 2, 3], _store.Newest(_reader, 199)!.State);
        StoredSnapshot found = _store.Newest(_reader, 299)!;
        Assert.Equal((200L, 1), (found.NextOffset, found.Slot));
        Assert.Equal(large, found.State);
        Assert.Empty(_store.Newest(_reader, long.MaxValue)!.State);
        Assert.Null(new SnapshotStore("other", new TopicPartition("t", 3), "hash1").Newest(_reader, long.MaxValue));
    }

    [Fact]
    public void A_snapshot_that_was_cut_off_or_damaged_is_as_if_it_were_not_there()
    {
        Write(_store, 0, 100, [1, 2, 3]);
        _producer.Flush(TimeSpan.FromSeconds(10));
        var captured = new List<Message<byte[]?, byte[]?>>();
        byte[] large = new byte[SnapshotStore.ChunkBytesMax + 1];
        Write(_store, 1, 200, large);
        _producer.Flush(TimeSpan.FromSeconds(10));
        _reader.Read(new TopicPartition(SnapshotStore.TopicName, 0), 1, 3, record =>
        {
            captured.Add(new Message<byte[]?, byte[]?> { Key = record.Message.Key, Value = record.Message.Value });
            return true;
        });

        // The first chunk of a third snapshot, and garbage under a key that looks right.
        byte[] first = (byte[])captured[0].Value!.Clone();
        first[11] = 250;
        Produce(captured[0].Key!, first);
        byte[] flipped = (byte[])captured[1].Value!.Clone();
        flipped[^1] ^= 1;
        flipped[11] = 251;
        Produce(captured[1].Key!, flipped);
        Produce(Encoding.UTF8.GetBytes("w/t/3/hash1/x/y"), captured[0].Value!);
        Produce(Encoding.UTF8.GetBytes("w/t/3/hash1/0/0"), [1, 2, 3]);
        _producer.Flush(TimeSpan.FromSeconds(10));
        StoredSnapshot found = _store.Newest(_reader, long.MaxValue)!;
        Assert.Equal(200, found.NextOffset);
        Assert.Equal(large, found.State);
    }

    private void Write(SnapshotStore store, int slot, long nextOffset, byte[] state) =>
        store.Write(_producer, slot, nextOffset, state, error => Assert.Fail(error.Reason));

    private void Produce(byte[] key, byte[] value) =>
        _producer.Produce(new TopicPartition(SnapshotStore.TopicName, 0), new Message<byte[]?, byte[]?> { Key = key, Value = value });
}
