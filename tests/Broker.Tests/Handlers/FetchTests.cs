using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Broker.Topics;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Handlers;

public sealed class FetchTests
{
    [Fact]
    public async Task The_first_batch_comes_whatever_its_size_and_no_more_than_the_limits_after_it()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t");
        using RawClient client = await RawClient.ConnectAsync(host);
        for (int index = 0; index < 5; index++)
        {
            await client.ProduceAsync("t", Batches.Of(2, valueBytes: 500));
        }

        FetchResponse.PartitionData one = (await client.FetchAsync(Requests.Fetch("t", 3, maxBytes: 10, partitionMax: 10))).Only();
        // The batch that holds the offset, whole.
        Assert.Equal([(2L, 2)], Batches.Headers(one.Records!.ToArray()));
        Assert.Equal((10L, 10L, 0L), (one.HighWatermark, one.LastStableOffset, one.LogStartOffset));
        FetchResponse.PartitionData three = (await client.FetchAsync(Requests.Fetch("t", 0, partitionMax: 3_900))).Only();
        Assert.Equal(3, Batches.Headers(three.Records!.ToArray()).Count);
        Assert.Equal(-1, three.PreferredReadReplica);
    }

    [Fact]
    public async Task A_long_poll_ends_when_enough_bytes_have_come_and_not_before()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t");
        using RawClient reader = await RawClient.ConnectAsync(host);
        using RawClient writer = await RawClient.ConnectAsync(host);
        byte[] batch = Batches.Of(1, valueBytes: 1_000);
        await reader.SendAsync(Requests.Fetch("t", 0, waitMs: 20_000, minBytes: batch.Length * 2), 12);
        await writer.ProduceAsync("t", [.. batch]);
        await Task.Delay(30);
        Assert.Equal(0, reader.Socket.Available);
        await writer.ProduceAsync("t", [.. batch]);
        (_, FetchResponse response) = await reader.ReceiveAsync<FetchResponse>(12);
        Assert.Equal(2, Batches.Headers(response.Only().Records!.ToArray()).Count);
        await BrokerHost.UntilAsync(() => host.Broker.Status.FetchBytesInFlight == 0);
    }

    [Fact]
    public async Task A_long_poll_ends_at_its_deadline_with_what_there_is()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t");
        using RawClient client = await RawClient.ConnectAsync(host);
        Assert.Equal(0, (await client.FetchAsync(Requests.Fetch("t", 0, waitMs: 20))).Only().Records!.Length);
        await client.ProduceAsync("t", Batches.Of(1));
        Assert.NotEqual(0, (await client.FetchAsync(Requests.Fetch("t", 0, waitMs: 20, minBytes: 1 << 20))).Only().Records!.Length);
    }

    [Fact]
    public async Task A_long_poll_ends_even_when_its_time_ran_out_on_the_way_to_the_wait()
    {
        // Each look at the clock costs 3 ms, as on a machine that has other things to do: somewhere the rest is negative.
        await using BrokerHost host = await BrokerHost.StartAsync(time: new HurryingTime(TimeSpan.FromMilliseconds(3)));
        await host.CreateTopicAsync("t");
        using RawClient client = await RawClient.ConnectAsync(host);
        for (int waitMs = 1; waitMs < 30; waitMs++)
        {
            Task<FetchResponse> fetch = client.FetchAsync(Requests.Fetch("t", 0, waitMs: waitMs));
            Assert.Equal(0, (await fetch.WaitAsync(TimeSpan.FromSeconds(10))).Only().Records!.Length);
        }
    }

    [Fact]
    public async Task A_waiting_fetch_polls_nothing()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        StreamId stream = (await host.CreateTopicAsync("t")).Partitions[0].Identity.Stream;
        using RawClient client = await RawClient.ConnectAsync(host);
        await client.FetchAsync(Requests.Fetch("t", 0, waitMs: 300));
        Assert.Equal(0, host.Storage[stream].Reads);
    }

    [Fact]
    public async Task Offsets_outside_the_log_and_unknown_partitions_are_told_at_once()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Topic topic = await host.CreateTopicAsync("t");
        using RawClient client = await RawClient.ConnectAsync(host);
        await client.ProduceAsync("t", Batches.Of(5));
        await topic.Partitions[0].TrimAsync(2, CancellationToken.None);
        Assert.Equal(KafkaError.OffsetOutOfRange, await ErrorOf(client, Requests.Fetch("t", 1, waitMs: 10_000)));
        Assert.Equal(KafkaError.OffsetOutOfRange, await ErrorOf(client, Requests.Fetch("t", 6, waitMs: 10_000)));
        Assert.Equal(KafkaError.UnknownTopicOrPartition, await ErrorOf(client, Requests.Fetch("t", 0, partition: 1, waitMs: 10_000)));
        Assert.Equal(KafkaError.UnknownTopicOrPartition, await ErrorOf(client, Requests.Fetch("absent", 0, waitMs: 10_000)));
        FetchRequest byId = Requests.Fetch("", 0, waitMs: 10_000);
        byId.Topics[0].TopicId = Guid.NewGuid();
        Assert.Equal((short)KafkaError.UnknownTopicId, (await client.FetchAsync(byId, 13)).Only().ErrorCode);
        byId.Topics[0].TopicId = topic.Id;
        byId.Topics[0].Partitions[0].FetchOffset = 2;
        FetchResponse found = await client.FetchAsync(byId, 13);
        Assert.Equal(topic.Id, found.Responses[0].TopicId);
        Assert.Equal((0, 2L), (found.Only().ErrorCode, found.Only().LogStartOffset));
    }

    [Fact]
    public async Task Leader_epochs_are_checked()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        int epoch = (await host.CreateTopicAsync("t")).Partitions[0].LeaderEpoch;
        using RawClient client = await RawClient.ConnectAsync(host);
        FetchRequest request = Requests.Fetch("t", 0);
        request.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch - 1;
        Assert.Equal(epoch == 0 ? KafkaError.None : KafkaError.FencedLeaderEpoch, await ErrorOf(client, request));
        request.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch + 1;
        Assert.Equal(KafkaError.UnknownLeaderEpoch, await ErrorOf(client, request));
        request.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch;
        Assert.Equal(KafkaError.None, await ErrorOf(client, request));
    }

    [Fact]
    public async Task An_incremental_session_answers_only_what_changed()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t", 2);
        using RawClient client = await RawClient.ConnectAsync(host);
        FetchRequest request = Requests.Fetch("t", 0);
        request.SessionEpoch = 0;
        request.Topics[0].Partitions.Add(new() { Partition = 1, PartitionMaxBytes = 1 << 20 });
        FetchResponse first = await client.FetchAsync(request);
        Assert.NotEqual(0, first.SessionId);
        Assert.Equal(2, first.Responses.Sum(topic => topic.Partitions.Count));
        FetchRequest next = Requests.Fetch("t", 0);
        next.Topics = [];
        (next.SessionId, next.SessionEpoch) = (first.SessionId, 1);
        Assert.Empty((await client.FetchAsync(next)).Responses);
        await client.ProduceAsync("t", Batches.Of(1), partition: 1);
        next.SessionEpoch = 2;
        Assert.Equal(1, (await client.FetchAsync(next)).Only().PartitionIndex);
        next.SessionEpoch = 9;
        Assert.Equal((short)KafkaError.InvalidFetchSessionEpoch, (await client.FetchAsync(next)).ErrorCode);
    }

    [Fact]
    public async Task A_partition_whose_bytes_are_far_away_does_not_keep_the_others_back()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { ColdReadGraceMs = 30 });
        Topic topic = await host.CreateTopicAsync("t", 2);
        using RawClient client = await RawClient.ConnectAsync(host);
        await client.ProduceAsync("t", Batches.Of(1), partition: 0);
        await client.ProduceAsync("t", Batches.Of(1), partition: 1);
        var gate = new TaskCompletionSource();
        host.Storage.DelayRead = stream => stream == topic.Partitions[0].Identity.Stream ? gate.Task : null;
        FetchRequest request = Requests.Fetch("t", 0, waitMs: 15_000);
        request.Topics[0].Partitions.Add(new() { Partition = 1, PartitionMaxBytes = 1 << 20 });
        FetchResponse response = await client.FetchAsync(request);
        Assert.Equal([0, 1], response.Responses[0].Partitions.Select(partition => Batches.Headers(partition.Records!.ToArray()).Count));
        // What is still being read holds its share of the budget until it has come.
        Assert.NotEqual(0, host.Broker.Status.FetchBytesInFlight);
        gate.SetResult();
        await BrokerHost.UntilAsync(() => host.Broker.Status.FetchBytesInFlight == 0);
        response = await client.FetchAsync(request);
        Assert.Equal([1, 1], response.Responses[0].Partitions.Select(partition => Batches.Headers(partition.Records!.ToArray()).Count));
    }

    [Fact]
    public async Task A_fetch_of_only_slow_bytes_waits_for_them()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t");
        using RawClient client = await RawClient.ConnectAsync(host);
        await client.ProduceAsync("t", Batches.Of(1));
        var gate = new TaskCompletionSource();
        host.Storage.DelayRead = _ => gate.Task;
        await client.SendAsync(Requests.Fetch("t", 0, waitMs: 15_000), 12);
        await BrokerHost.UntilAsync(() => host.Broker.Status.FetchBytesInFlight > 0);
        gate.SetResult();
        Assert.NotEqual(0, (await client.ReceiveAsync<FetchResponse>(12)).Response.Only().Records!.Length);
    }

    [Fact]
    public async Task A_fetch_that_waits_ends_when_its_client_leaves()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Partition partition = (await host.CreateTopicAsync("t")).Partitions[0];
        using (RawClient client = await RawClient.ConnectAsync(host))
        {
            await client.SendAsync(Requests.Fetch("t", 0, waitMs: 600_000), 12);
            await BrokerHost.UntilAsync(() => partition.Waiters.Count == 1);
        }

        await BrokerHost.UntilAsync(() => partition.Waiters.Count == 0);
        await BrokerHost.UntilAsync(() => host.Broker.Status.Connections == 0);
    }

    private static async Task<KafkaError> ErrorOf(RawClient client, FetchRequest request) =>
        (KafkaError)(await client.FetchAsync(request)).Only().ErrorCode;

    /// <summary>Real time, but each reading of the clock is a step later than the last.</summary>
    private sealed class HurryingTime(TimeSpan step) : TimeProvider
    {
        private long _shift;

        public override long GetTimestamp() =>
            base.GetTimestamp() + Interlocked.Add(ref _shift, (long)(step.TotalSeconds * TimestampFrequency));
    }
}
