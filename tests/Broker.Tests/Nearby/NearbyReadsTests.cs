using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Cluster;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Nearby;

/// <summary>Consumers that read from a broker of their rack: broker 1 stands in rack a, broker 2 in rack b; 1 leads unless a test says otherwise.</summary>
public sealed class NearbyReadsTests
{
    private const string Topic = "events";

    private static BrokerOptions Options => BrokerHost.Options with
    {
        ReplicaSelector = "org.apache.kafka.common.replica.RackAwareReplicaSelector",
        PeerTimeoutMs = 1_000,
    };

    [Fact]
    public async Task A_consumer_of_another_rack_is_sent_to_a_broker_of_its_own_at_once()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(Options);
        await pair.CreateAsync(Topic);
        using RawClient leader = await pair.ConnectAsync(1);
        await leader.ProduceAsync(Topic, Batches.Of(3));
        FetchResponse.PartitionData sent = await FetchAsync(leader, "b", 0, waitMs: 60_000, minBytes: 1_000_000);
        Assert.Equal((KafkaError.None, 2, 0, 3L), ((KafkaError)sent.ErrorCode, sent.PreferredReadReplica, sent.Records!.Length, sent.HighWatermark));
        foreach (string rack in (string[])["a", "", "c"])
        {
            FetchResponse.PartitionData read = await FetchAsync(leader, rack, 0);
            Assert.Equal(-1, read.PreferredReadReplica);
            Assert.Equal([(0L, 3)], Batches.Headers(read.Records!.ToArray()));
        }

        MetadataResponse metadata = await leader.CallAsync<MetadataRequest, MetadataResponse>(new MetadataRequest { Topics = [new() { Name = Topic }] }, 9);
        MetadataResponse.MetadataResponsePartition only = metadata.Topics[0].Partitions[0];
        Assert.Equal([1, 2], only.ReplicaNodes);
        Assert.Equal([1, 2], only.IsrNodes);
    }

    [Fact]
    public async Task Reads_stay_with_leaders_unless_they_are_wanted_elsewhere_but_whoever_was_sent_is_served()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        await pair.CreateAsync(Topic);
        using RawClient leader = await pair.ConnectAsync(1);
        using RawClient other = await pair.ConnectAsync(2);
        await leader.ProduceAsync(Topic, Batches.Of(3));
        FetchResponse.PartitionData read = await FetchAsync(leader, "b", 0);
        Assert.Equal(-1, read.PreferredReadReplica);
        Assert.Equal([(0L, 3)], Batches.Headers(read.Records!.ToArray()));
        MetadataResponse metadata = await leader.CallAsync<MetadataRequest, MetadataResponse>(new MetadataRequest { Topics = [new() { Name = Topic }] }, 9);
        Assert.Equal([1], metadata.Topics[0].Partitions[0].ReplicaNodes);

        // By a leader that has the setting already, or still.
        Assert.Equal([(0L, 3)], Batches.Headers((await FetchAsync(other, "b", 0)).Records!.ToArray()));
        Assert.Equal((short)KafkaError.NotLeaderOrFollower, (await FetchAsync(other, "a", 0)).ErrorCode);
    }

    [Fact]
    public async Task A_leader_without_a_rack_sends_consumers_only_to_brokers_that_the_metadata_name()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(Options);
        await pair.CreateAsync(Topic);
        pair.FirstView.Nodes = [pair.FirstView.Nodes[0] with { Rack = null }, pair.FirstView.Nodes[1]];
        using RawClient leader = await pair.ConnectAsync(1);
        Assert.Equal(2, (await FetchAsync(leader, "b", 0)).PreferredReadReplica);
        MetadataResponse metadata = await leader.CallAsync<MetadataRequest, MetadataResponse>(new MetadataRequest { Topics = [new() { Name = Topic }] }, 9);
        Assert.Equal([1, 2], metadata.Topics[0].Partitions[0].ReplicaNodes);
    }

    [Fact]
    public async Task A_broker_serves_its_own_rack_and_nobody_else()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(Options);
        await pair.CreateAsync(Topic);
        using RawClient leader = await pair.ConnectAsync(1);
        using RawClient nearby = await pair.ConnectAsync(2);
        await leader.ProduceAsync(Topic, Batches.Of(3));
        await leader.ProduceAsync(Topic, Batches.Of(2));
        FetchResponse.PartitionData expected = await FetchAsync(leader, "a", 0);
        FetchResponse.PartitionData read = await FetchAsync(nearby, "b", 0);
        Assert.Equal(expected.Records!.ToArray(), read.Records!.ToArray());
        Assert.Equal(
            (expected.HighWatermark, expected.LastStableOffset, expected.LogStartOffset), (read.HighWatermark, read.LastStableOffset, read.LogStartOffset));
        Assert.Equal([(3L, 2)], Batches.Headers((await FetchAsync(nearby, "b", 4)).Records!.ToArray()));
        Assert.Equal((short)KafkaError.NotLeaderOrFollower, (await FetchAsync(nearby, "a", 0)).ErrorCode);
        Assert.Equal((short)KafkaError.NotLeaderOrFollower, (await FetchAsync(nearby, "", 0)).ErrorCode);
        Assert.Equal((short)KafkaError.OffsetOutOfRange, (await FetchAsync(nearby, "b", 6)).ErrorCode);
        Assert.Equal((short)KafkaError.FencedLeaderEpoch, (await FetchAsync(nearby, "b", 0, epoch: 0)).ErrorCode);
        Assert.Equal((short)KafkaError.UnknownLeaderEpoch, (await FetchAsync(nearby, "b", 0, epoch: 2)).ErrorCode);
        pair.SecondView.IsInTouch = false;
        Assert.Equal((short)KafkaError.NotLeaderOrFollower, (await FetchAsync(nearby, "b", 0)).ErrorCode);
    }

    [Fact]
    public async Task Each_record_crosses_to_the_rack_once_for_all_that_wait_there()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(Options);
        await pair.CreateAsync(Topic);
        using RawClient leader = await pair.ConnectAsync(1);
        RawClient[] readers = [await pair.ConnectAsync(2), await pair.ConnectAsync(2), await pair.ConnectAsync(2)];
        long[] offsets = new long[readers.Length];
        int produced = 0;
        for (int round = 0; round < 20; round++)
        {
            Task<FetchResponse.PartitionData>[] waiting = [.. readers.Select((reader, at) => FetchAsync(reader, "b", offsets[at], waitMs: 10_000))];
            byte[] batch = Batches.Of(1 + round);
            Assert.Equal(0, (await leader.ProduceAsync(Topic, batch)).ErrorCode);
            produced += batch.Length;
            for (int at = 0; at < readers.Length; at++)
            {
                FetchResponse.PartitionData read = await waiting[at];
                Assert.Equal((0, batch.Length), (read.ErrorCode, read.Records!.Length));
                offsets[at] += 1 + round;
            }
        }

        // A reader may ask at the very moment at which the record comes, before the poll for all.
        Assert.InRange(pair.PartitionOn(1, Topic).Traffic.BytesOut, produced, produced * 3 / 2);
        Assert.Equal(0, pair.PartitionOn(2, Topic).Traffic.BytesOut);
        Array.ForEach(readers, static reader => reader.Dispose());
        Assert.Empty(pair.Logs.Errors);
    }

    [Fact]
    public async Task A_fetch_that_also_has_partitions_led_here_ends_with_whichever_has_records()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(Options);
        await pair.CreateAsync(Topic);
        pair.FirstView.Place = static _ => 2;
        await pair.First.Services!.Topics.CreateAsync("own", 1, new Dictionary<string, string>(), false, "User:test", CancellationToken.None);
        await pair.SpreadAsync();
        await BrokerHost.UntilAsync(() => pair.PartitionOn(2, "own").State == PartitionState.Open);
        using RawClient leader = await pair.ConnectAsync(1);
        using RawClient nearby = await pair.ConnectAsync(2);
        using RawClient producer = await pair.ConnectAsync(2);
        (long here, long there) = (0, 0);
        foreach (bool isHere in (bool[])[true, false, false, true])
        {
            FetchRequest request = Requests.Fetch("own", here, waitMs: 20_000);
            request.RackId = "b";
            request.Topics.Add(Requests.Fetch(Topic, there).Topics[0]);
            Task<FetchResponse> waiting = nearby.FetchAsync(request);
            await (isHere ? producer.ProduceAsync("own", Batches.Of(1)) : leader.ProduceAsync(Topic, Batches.Of(1)));
            FetchResponse read = await waiting;
            Assert.All(read.Responses, static topic => Assert.Equal(0, topic.Partitions[0].ErrorCode));
            Assert.Equal(isHere ? ["own"] : [Topic], read.Responses.Where(static topic => topic.Partitions[0].Records!.Length > 0).Select(static topic => topic.Topic));
            (here, there) = (here + (isHere ? 1 : 0), there + (isHere ? 0 : 1));
        }
    }

    [Fact]
    public async Task A_reader_follows_its_partition_over_moves_and_is_sent_away_when_the_leader_is_gone()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(Options);
        StreamId stream = await pair.CreateAsync(Topic);
        using RawClient first = await pair.ConnectAsync(1);
        using RawClient second = await pair.ConnectAsync(2);
        await first.ProduceAsync(Topic, Batches.Of(1));
        Assert.Equal(1, (await FetchAsync(second, "b", 0)).HighWatermark);
        Task<FetchResponse.PartitionData> waiting = FetchAsync(second, "b", 1, waitMs: 15_000);
        await WaitsAsync(pair, 2, "b");
        await pair.MoveAsync(stream);
        Assert.Equal((short)KafkaError.NotLeaderOrFollower, (await waiting).ErrorCode);
        await second.ProduceAsync(Topic, Batches.Of(1));
        Assert.Equal([(1L, 1)], Batches.Headers((await FetchAsync(second, "b", 1)).Records!.ToArray()));
        Assert.Equal(1, (await FetchAsync(second, "a", 0)).PreferredReadReplica);
        Assert.Equal([(0L, 1), (1L, 1)], Batches.Headers((await FetchAsync(first, "a", 0)).Records!.ToArray()));

        waiting = FetchAsync(first, "a", 2, waitMs: 15_000);
        await WaitsAsync(pair, 1, "a");
        await pair.Second.DisposeAsync();
        Assert.Equal((short)KafkaError.NotLeaderOrFollower, (await waiting).ErrorCode);
        Assert.Equal((short)KafkaError.NotLeaderOrFollower, (await FetchAsync(first, "a", 0)).ErrorCode);
    }

    [Fact]
    public async Task What_was_deleted_is_not_served_however_lately_it_was_read()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(Options);
        await pair.CreateAsync(Topic);
        using RawClient leader = await pair.ConnectAsync(1);
        using RawClient nearby = await pair.ConnectAsync(2);
        await leader.ProduceAsync(Topic, Batches.Of(3));
        await leader.ProduceAsync(Topic, Batches.Of(3));
        await FetchAsync(nearby, "b", 0);
        await pair.PartitionOn(1, Topic).TrimAsync(3, CancellationToken.None);

        // The word comes with the next answer of the leader.
        await FetchAsync(nearby, "b", 6, waitMs: 600);
        FetchResponse.PartitionData read = await FetchAsync(nearby, "b", 0);
        Assert.Equal(((short)KafkaError.OffsetOutOfRange, 3L), (read.ErrorCode, read.LogStartOffset));
        Assert.Equal([(3L, 3)], Batches.Headers((await FetchAsync(nearby, "b", 3)).Records!.ToArray()));
    }

    /// <summary>Ends when a reader waits for what another broker leads.</summary>
    private static Task WaitsAsync(TwoBrokers pair, int node, string rack) => BrokerHost.UntilAsync(
        () => pair.BrokerOf(node).Services!.Nearby.LogOf(pair.PartitionOn(node, Topic), rack, onlyCommitted: false)!.Waiters.Count > 0);

    private static async Task<FetchResponse.PartitionData> FetchAsync(
        RawClient client, string rack, long offset, int waitMs = 0, int minBytes = 1, int epoch = -1)
    {
        FetchRequest request = Requests.Fetch(Topic, offset, waitMs: waitMs, minBytes: minBytes);
        request.RackId = rack;
        request.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch;
        return (await client.FetchAsync(request)).Only();
    }
}
