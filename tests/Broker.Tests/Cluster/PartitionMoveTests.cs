using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Cluster;

public sealed class PartitionMoveTests
{
    private const short NotLeader = (short)KafkaError.NotLeaderOrFollower;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_idempotent_producer_goes_on_at_the_new_leader_as_if_nothing_had_happened(bool imageFirst)
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        StreamId stream = await pair.CreateAsync("t");
        using RawClient first = await pair.ConnectAsync(1);
        using RawClient second = await pair.ConnectAsync(2);
        for (int sequence = 0; sequence < 3; sequence++)
        {
            Assert.Equal(sequence, (await first.ProduceAsync("t", Batches.Of(1, 7, 0, sequence))).BaseOffset);
        }

        Assert.Equal(NotLeader, (await second.ProduceAsync("t", Batches.Of(1, 7, 0, 3))).ErrorCode);
        await pair.MoveAsync(stream, imageFirst);

        ProduceResponse refused = await first.CallAsync<ProduceRequest, ProduceResponse>(
            Requests.Produce("t", 0, Batches.Of(1, 7, 0, 3)), 10);
        Assert.Equal(NotLeader, refused.Only().ErrorCode);
        Assert.Equal((2, 2), (refused.Only().CurrentLeader!.LeaderId, refused.Only().CurrentLeader!.LeaderEpoch));
        ProduceResponse.NodeEndpoint hint = Assert.Single(refused.NodeEndpoints);
        Assert.Equal((2, "127.0.0.1", pair.Second.Port, "b"), (hint.NodeId, hint.Host, hint.Port, hint.Rack));

        // A retry of the last one, a gap, an old epoch, and what really comes next.
        Assert.Equal(2, (await second.ProduceAsync("t", Batches.Of(1, 7, 0, 2))).BaseOffset);
        Assert.Equal((short)KafkaError.OutOfOrderSequenceNumber, (await second.ProduceAsync("t", Batches.Of(1, 7, 0, 9))).ErrorCode);
        Assert.Equal(3, (await second.ProduceAsync("t", Batches.Of(1, 7, 0, 3))).BaseOffset);
        Assert.Equal(2, pair.Storage[stream].Epoch);
        Assert.Equal([stream], pair.Storage.Released);

        // And back again.
        await pair.MoveAsync(stream, imageFirst);
        Assert.Equal(3, (await first.ProduceAsync("t", Batches.Of(1, 7, 0, 3))).BaseOffset);
        Assert.Equal(4, (await first.ProduceAsync("t", Batches.Of(1, 7, 0, 4))).BaseOffset);
        Assert.Equal((1, 3), pair.PartitionOn(1, "t").EndOfEpoch(1));
        Assert.Equal((2, 4), pair.PartitionOn(1, "t").EndOfEpoch(2));
        Assert.Equal((3, 5), pair.PartitionOn(1, "t").EndOfEpoch(3));
        Assert.Equal(5, pair.Storage[stream].Batches.Count);
    }

    [Fact]
    public async Task Appends_that_come_during_a_hand_over_wait_and_are_sent_to_the_new_leader()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        StreamId stream = await pair.CreateAsync("t");
        Partition partition = pair.PartitionOn(1, "t");
        await partition.AppendAsync(Batches.Of(2), null);
        PartitionHandOver handOver = (await pair.First.PartitionHost!.SealAsync(stream))!;
        Assert.Equal((stream, 1L, 2L), (handOver.Stream, handOver.Epoch, handOver.EndOffset));
        ValueTask<AppendResult> waiting = partition.AppendAsync(Batches.Of(1), null);
        Assert.False(waiting.IsCompleted);
        Assert.Null(await pair.First.PartitionHost!.SealAsync(stream));

        // It can still be read.
        using (FetchedBatches read = await partition.ReadAsync(0, 1 << 20))
        {
            Assert.Equal(2, read.EndOffset);
        }

        pair.Commit(handOver);
        pair.Announce(stream);
        Assert.Equal(KafkaError.NotLeaderOrFollower, (await waiting).Error);
        Assert.Equal(-1, partition.HighWatermark);
        await BrokerHost.UntilAsync(() => pair.PartitionOn(2, "t").State == PartitionState.Open);
        Assert.Equal(2, (await pair.PartitionOn(2, "t").AppendAsync(Batches.Of(1), null)).BaseOffset);
    }

    [Fact]
    public async Task A_hand_over_that_was_called_off_lets_what_waited_in_order_and_under_the_same_epoch()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        StreamId stream = await pair.CreateAsync("t");
        Partition partition = pair.PartitionOn(1, "t");
        await partition.AppendAsync(Batches.Of(1, 7, 0, 0), null);
        Assert.NotNull(await pair.First.PartitionHost!.SealAsync(stream));
        Task<AppendResult>[] waiting =
            [.. Enumerable.Range(1, 10).Select(sequence => partition.AppendAsync(Batches.Of(1, 7, 0, sequence), null).AsTask())];
        Assert.DoesNotContain(waiting, append => append.IsCompleted);
        pair.First.PartitionHost!.Resume(stream);
        AppendResult[] results = await Task.WhenAll(waiting);
        Assert.Equal(Enumerable.Range(1, 10).Select(offset => (long)offset), results.Select(result => result.BaseOffset));
        Assert.Equal(1, pair.Storage[stream].Epoch);
        Assert.Equal(1, partition.LeaderEpoch);
        Assert.Empty(pair.Storage.Released);
        await pair.MoveAsync(stream);
        Assert.Equal(11, (await pair.PartitionOn(2, "t").AppendAsync(Batches.Of(1, 7, 0, 11), null)).BaseOffset);
    }

    [Fact]
    public async Task What_is_in_flight_becomes_durable_before_the_hand_over()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        StreamId stream = await pair.CreateAsync("t");
        pair.Storage.HoldConfirmations = true;
        ValueTask<AppendResult> inFlight = pair.PartitionOn(1, "t").AppendAsync(Batches.Of(3, 7, 0, 0), null);
        Assert.False(inFlight.IsCompleted);
        PartitionHandOver handOver = (await pair.First.PartitionHost!.SealAsync(stream))!;
        Assert.Equal(3, handOver.EndOffset);
        Assert.Equal((KafkaError.None, 0L), (await inFlight) is var result ? (result.Error, result.BaseOffset) : default);
        pair.Commit(handOver);
        pair.Announce(stream);
        pair.Storage.HoldConfirmations = false;
        await BrokerHost.UntilAsync(() => pair.PartitionOn(2, "t").State == PartitionState.Open);
        Assert.Equal(0, (await pair.PartitionOn(2, "t").AppendAsync(Batches.Of(3, 7, 0, 0), null)).BaseOffset);
    }

    [Fact]
    public async Task A_stream_that_fails_while_it_is_sealed_is_not_handed_over_and_comes_back()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        StreamId stream = await pair.CreateAsync("t");
        pair.Storage[stream].SealFailure = new StreamUnavailableException(StreamUnavailableReason.Failed, "the log failed");
        Assert.Null(await pair.First.PartitionHost!.SealAsync(stream));
        await BrokerHost.UntilAsync(() => pair.PartitionOn(1, "t").State == PartitionState.Open);
        Assert.Equal(0, (await pair.PartitionOn(1, "t").AppendAsync(Batches.Of(1), null)).BaseOffset);
    }

    [Fact]
    public async Task A_waiting_fetch_is_told_of_the_new_leader_at_once()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        StreamId stream = await pair.CreateAsync("t");
        Guid id = pair.First.Services!.Topics.Find("t")!.Id;
        using RawClient client = await pair.ConnectAsync(1);
        FetchRequest request = Requests.Fetch("t", 0, waitMs: 60_000);
        request.Topics[0].TopicId = id;
        request.Topics[0].Partitions[0].CurrentLeaderEpoch = 1;
        int sent = await client.SendAsync(request, 16);
        await BrokerHost.UntilAsync(() => pair.PartitionOn(1, "t").Waiters.Count == 1);
        await pair.MoveAsync(stream);
        (int correlation, FetchResponse response) = await client.ReceiveAsync<FetchResponse>(16);
        Assert.Equal((sent, NotLeader), (correlation, response.Only().ErrorCode));
        Assert.Equal((2, 2), (response.Only().CurrentLeader!.LeaderId, response.Only().CurrentLeader!.LeaderEpoch));
        Assert.Equal(pair.Second.Port, Assert.Single(response.NodeEndpoints).Port);
    }

    [Fact]
    public async Task Offsets_times_epochs_and_trims_are_right_directly_after_a_move()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        StreamId stream = await pair.CreateAsync("t");
        long now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        using RawClient first = await pair.ConnectAsync(1);
        using RawClient second = await pair.ConnectAsync(2);
        await first.ProduceAsync("t", Batches.Of(3, timestamps: [now - 30, now - 10, now - 20]));
        await pair.MoveAsync(stream);
        await second.ProduceAsync("t", Batches.Of(1, timestamps: [now - 25]));

        Assert.Equal((KafkaError.None, 4, 2), await OffsetAsync(second, -1));
        Assert.Equal((KafkaError.None, 0, 1), await OffsetAsync(second, -2));
        Assert.Equal((KafkaError.None, 1, 1), await OffsetAsync(second, -3));
        Assert.Equal((KafkaError.None, 1, 1), await OffsetAsync(second, now - 29));
        Assert.Equal(KafkaError.NotLeaderOrFollower, (await OffsetAsync(first, -1)).Error);

        Assert.Equal((KafkaError.None, 1, 3), await EpochEndAsync(second, 1, -1));
        Assert.Equal((KafkaError.None, 2, 4), await EpochEndAsync(second, 2, 2));
        Assert.Equal((KafkaError.FencedLeaderEpoch, -1, -1), await EpochEndAsync(second, 1, 1));
        Assert.Equal((KafkaError.UnknownLeaderEpoch, -1, -1), await EpochEndAsync(second, 1, 3));
        Assert.Equal((KafkaError.NotLeaderOrFollower, -1, -1), await EpochEndAsync(first, 1, -1));

        Assert.Equal((KafkaError.None, 2), await DeleteRecordsAsync(second, 2));
        Assert.Equal((KafkaError.NotLeaderOrFollower, -1), await DeleteRecordsAsync(first, 3));
        Assert.Equal((KafkaError.None, 2, 1), await OffsetAsync(second, -2));
    }

    [Fact]
    public async Task A_consumer_at_the_end_of_an_empty_log_keeps_its_place_when_the_leader_changes()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        StreamId stream = await pair.CreateAsync("t");
        using RawClient second = await pair.ConnectAsync(2);
        await pair.MoveAsync(stream);
        Assert.Equal((KafkaError.None, 1, 0), await EpochEndAsync(second, 1, 2));
        await second.ProduceAsync("t", Batches.Of(5));
        Assert.Equal((KafkaError.None, 1, 0), await EpochEndAsync(second, 1, 2));
    }

    internal static async Task<(KafkaError Error, long Offset, int Epoch)> OffsetAsync(RawClient client, long timestamp)
    {
        ListOffsetsResponse response = await client.CallAsync<ListOffsetsRequest, ListOffsetsResponse>(
            new ListOffsetsRequest
            {
                ReplicaId = -1,
                Topics = [new() { Name = "t", Partitions = [new() { PartitionIndex = 0, CurrentLeaderEpoch = -1, Timestamp = timestamp }] }],
            },
            7);
        ListOffsetsResponse.ListOffsetsPartitionResponse answer = response.Topics[0].Partitions[0];
        return ((KafkaError)answer.ErrorCode, answer.Offset, answer.LeaderEpoch);
    }

    private static async Task<(KafkaError Error, int Epoch, long End)> EpochEndAsync(RawClient client, int epoch, int current)
    {
        OffsetForLeaderEpochResponse response = await client.CallAsync<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>(
            new OffsetForLeaderEpochRequest
            {
                ReplicaId = -1,
                Topics = [new() { Topic = "t", Partitions = [new() { Partition = 0, CurrentLeaderEpoch = current, LeaderEpoch = epoch }] }],
            },
            4);
        OffsetForLeaderEpochResponse.EpochEndOffset answer = response.Topics[0].Partitions[0];
        return ((KafkaError)answer.ErrorCode, answer.LeaderEpoch, answer.EndOffset);
    }

    private static async Task<(KafkaError Error, long Start)> DeleteRecordsAsync(RawClient client, long offset)
    {
        DeleteRecordsResponse response = await client.CallAsync<DeleteRecordsRequest, DeleteRecordsResponse>(
            new DeleteRecordsRequest { Topics = [new() { Name = "t", Partitions = [new() { PartitionIndex = 0, Offset = offset }] }] }, 2);
        DeleteRecordsResponse.DeleteRecordsPartitionResult answer = response.Topics[0].Partitions[0];
        return ((KafkaError)answer.ErrorCode, answer.LowWatermark);
    }
}
