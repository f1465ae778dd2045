using System.Globalization;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Broker.Topics;
using PipeRoll.Foundation.Buffers;
using PipeRoll.Streams;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Partitions;

public sealed class PartitionTests
{
    [Fact]
    public async Task A_duplicate_of_a_batch_in_flight_is_acknowledged_when_the_original_is_durable()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Partition partition = (await host.CreateTopicAsync("t")).Partitions[0];
        host.Storage.HoldConfirmations = true;
        Task<AppendResult> original = Append(partition, 7, 0, 0, 3);
        Task<AppendResult> duplicate = Append(partition, 7, 0, 0, 3);
        Task<AppendResult> next = Append(partition, 7, 0, 3, 1);
        Assert.False(original.IsCompleted || duplicate.IsCompleted || next.IsCompleted);
        MemoryLogStream stream = host.Storage[partition.Identity.Stream];
        Assert.Equal(4, stream.NextOffset);
        stream.ConfirmAll();
        Assert.Equal(0, (await original).BaseOffset);
        Assert.Equal(0, (await duplicate).BaseOffset);
        Assert.Equal(3, (await next).BaseOffset);
        Assert.Equal(2, stream.Batches.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Producer_state_survives_a_restart_and_a_crash(bool cleanly)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Topic topic = await host.CreateTopicAsync("t");
        StreamId stream = topic.Partitions[0].Identity.Stream;
        int epoch = topic.Partitions[0].LeaderEpoch;
        for (int sequence = 0; sequence < 6; sequence++)
        {
            Assert.Equal(sequence, (await Append(topic.Partitions[0], 7, 0, sequence, 1)).BaseOffset);
        }

        await host.RestartAsync(cleanly);
        await host.AllOpenAsync();
        Partition partition = host.Services.Topics.Find("t", 0)!;
        Assert.Equal(cleanly, await host.Storage[stream].ReadCheckpointAsync() is not null);
        Assert.True(partition.LeaderEpoch > epoch);
        // A retry of the last one, a gap, an old epoch, and what really comes next.
        Assert.Equal(5, (await Append(partition, 7, 0, 5, 1)).BaseOffset);
        Assert.Equal(KafkaError.OutOfOrderSequenceNumber, (await Append(partition, 7, 0, 7, 1)).Error);
        Assert.Equal(6, (await Append(partition, 7, 0, 6, 1)).BaseOffset);
        Assert.Equal(7, (await Append(partition, 7, 1, 0, 1)).BaseOffset);
        Assert.Equal(KafkaError.InvalidProducerEpoch, (await Append(partition, 7, 0, 7, 1)).Error);
        Assert.Equal((epoch, 6), partition.EndOfEpoch(epoch));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_producer_goes_on_after_a_crash_although_its_newest_batches_were_deleted(bool byRetention)
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { CheckpointBatches = 10 });
        int size = Batches.Of(1).Length;
        (string, string)[] configs = byRetention ? [("retention.bytes", size.ToString(CultureInfo.InvariantCulture))] : [];
        Partition partition = (await host.CreateTopicAsync("t", 1, configs)).Partitions[0];
        for (int sequence = 0; sequence < 15; sequence++)
        {
            await Append(partition, 7, 0, sequence, 1);
        }

        await BrokerHost.UntilAsync(() => host.Storage[partition.Identity.Stream].CheckpointsSaved >= 1);
        // Another producer's batch is all that stays.
        await Append(partition, 8, 0, 0, 1);
        if (byRetention)
        {
            await partition.ApplyRetentionAsync(CancellationToken.None);
        }
        else
        {
            await partition.TrimAsync(15, CancellationToken.None);
        }

        Assert.Equal(15, partition.LogStartOffset);
        await host.RestartAsync(cleanly: false);
        await host.AllOpenAsync();
        partition = host.Services.Topics.Find("t", 0)!;
        Assert.Equal(14, (await Append(partition, 7, 0, 14, 1)).BaseOffset);
        Assert.Equal((KafkaError.None, 16L), (await Append(partition, 7, 0, 15, 1)) is var next ? (next.Error, next.BaseOffset) : default);
    }

    [Fact]
    public async Task State_is_stored_every_so_many_batches_and_only_what_follows_is_read_again()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { CheckpointBatches = 10 });
        Partition partition = (await host.CreateTopicAsync("t")).Partitions[0];
        for (int sequence = 0; sequence < 35; sequence++)
        {
            await Append(partition, 7, 0, sequence, 1);
            int due = (sequence + 1) / 10;
            await BrokerHost.UntilAsync(() => host.Storage[partition.Identity.Stream].CheckpointsSaved == due);
        }

        Assert.Equal(30, (await host.Storage[partition.Identity.Stream].ReadCheckpointAsync())!.Value.Offset);
        await host.RestartAsync(cleanly: false);
        await host.AllOpenAsync();
        Assert.Equal(1, host.Storage[partition.Identity.Stream].Reads);
        Assert.Equal(35, (await Append(host.Services.Topics.Find("t", 0)!, 7, 0, 35, 1)).BaseOffset);
    }

    [Fact]
    public async Task Appends_that_come_before_the_partition_is_open_keep_their_order()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        var gate = new TaskCompletionSource();
        host.Storage.OpenGate = gate.Task;
        TopicChange change = await host.Services.Topics.CreateAsync(
            "t", 1, new Dictionary<string, string>(), false, "User:test", CancellationToken.None);
        Partition partition = change.Topic!.Partitions[0];
        Task<AppendResult>[] appends = [.. Enumerable.Range(0, 20).Select(sequence => Append(partition, 7, 0, sequence, 1))];
        Assert.DoesNotContain(appends, append => append.IsCompleted);
        gate.SetResult();
        AppendResult[] results = await Task.WhenAll(appends);
        Assert.Equal(Enumerable.Range(0, 20).Select(offset => (long)offset), results.Select(result => result.BaseOffset));
    }

    [Fact]
    public async Task An_append_that_waits_for_the_opening_keeps_its_bytes_when_its_request_is_gone()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        var gate = new TaskCompletionSource();
        host.Storage.OpenGate = gate.Task;
        TopicChange change = await host.Services.Topics.CreateAsync(
            "t", 1, new Dictionary<string, string>(), false, "User:test", CancellationToken.None);
        Partition partition = change.Topic!.Partitions[0];
        byte[] batch = Batches.Of(3);
        SharedBuffer buffer = SharedBuffer.Rent(batch.Length);
        batch.CopyTo(buffer.Span);
        ValueTask<AppendResult> append = partition.AppendAsync(buffer.Memory, buffer);
        buffer.Release();
        gate.SetResult();
        Assert.Equal((KafkaError.None, 0L), (await append.AsTask().WaitAsync(TimeSpan.FromSeconds(10))) is var result ? (result.Error, result.BaseOffset) : default);
        using FetchedBatches read = await partition.ReadAsync(0, 1 << 20);
        Assert.Equal([(0L, 3)], read.Segments.SelectMany(segment => Batches.Headers(segment)));
        Assert.Throws<ObjectDisposedException>(buffer.AddReference);
    }

    [Fact]
    public async Task A_partition_that_cannot_be_opened_is_tried_again_until_it_can()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { PartitionOpenRetryMs = 30 });
        var gate = new TaskCompletionSource();
        host.Storage.OpenGate = gate.Task;
        for (int attempt = 0; attempt < 3; attempt++)
        {
            host.Storage.OpenFailures.Enqueue(new IOException("the disk is away"));
        }

        TopicChange change = await host.Services.Topics.CreateAsync(
            "t", 1, new Dictionary<string, string>(), false, "User:test", CancellationToken.None);
        Partition partition = change.Topic!.Partitions[0];
        Task<AppendResult> waiting = Append(partition, -1, -1, -1, 1);
        gate.SetResult();
        Assert.Equal(KafkaError.NotLeaderOrFollower, (await waiting).Error);
        Assert.False(host.Broker.Status.IsReady);
        await BrokerHost.UntilAsync(() => partition.State == PartitionState.Open);
        Assert.Equal(0, (await Append(partition, -1, -1, -1, 1)).BaseOffset);
        Assert.True(host.Broker.Status.IsReady);
        Assert.Equal(3, host.Logs.Errors.Count(line => line.Contains("t-0 could not be opened")));
    }

    [Fact]
    public async Task A_failed_log_fails_what_is_in_flight_and_the_partition_comes_back_under_a_higher_epoch()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Partition partition = (await host.CreateTopicAsync("t")).Partitions[0];
        await Append(partition, 7, 0, 0, 1);
        int epoch = partition.LeaderEpoch;
        host.Storage.HoldConfirmations = true;
        Task<AppendResult> lost = Append(partition, 7, 0, 1, 1);
        Task<AppendResult> lostDuplicate = Append(partition, 7, 0, 1, 1);
        host.Storage[partition.Identity.Stream].Fail();
        Assert.Equal(KafkaError.KafkaStorageError, (await lost).Error);
        Assert.Equal(KafkaError.KafkaStorageError, (await lostDuplicate).Error);
        host.Storage.HoldConfirmations = false;
        await BrokerHost.UntilAsync(() => partition.State == PartitionState.Open && partition.LeaderEpoch > epoch);
        // What was lost is not remembered as done.
        Assert.Equal(1, (await Append(partition, 7, 0, 1, 1)).BaseOffset);
    }

    [Fact]
    public async Task A_full_log_is_told_as_something_to_retry_and_changes_nothing()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Partition partition = (await host.CreateTopicAsync("t")).Partitions[0];
        host.Storage[partition.Identity.Stream].IsFull = true;
        Assert.Equal(KafkaError.NotEnoughReplicas, (await Append(partition, 7, 0, 0, 1)).Error);
        host.Storage[partition.Identity.Stream].IsFull = false;
        Assert.Equal(0, (await Append(partition, 7, 0, 0, 1)).BaseOffset);
        Assert.Equal(PartitionState.Open, partition.State);
    }

    [Fact]
    public async Task Several_batches_in_one_append_have_consecutive_offsets()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Partition partition = (await host.CreateTopicAsync("t")).Partitions[0];
        byte[] batches = Batches.Joined(Batches.Of(3, 7, 0, 0), Batches.Of(2, 7, 0, 3), Batches.Of(1));
        AppendResult result = await partition.AppendAsync(batches, null);
        Assert.Equal((KafkaError.None, 0L), (result.Error, result.BaseOffset));
        using FetchedBatches read = await partition.ReadAsync(0, 1 << 20);
        Assert.Equal([(0L, 3), (3L, 2), (5L, 1)], read.Segments.SelectMany(segment => Batches.Headers(segment)));
        // All of it again: only the batch without a producer is new.
        result = await partition.AppendAsync(batches, null);
        Assert.Equal((KafkaError.None, 0L), (result.Error, result.BaseOffset));
        Assert.Equal(7, partition.NextOffset);
    }

    [Fact]
    public async Task A_stop_stores_the_state_of_partitions_that_were_written_to_and_of_no_others()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Topic topic = await host.CreateTopicAsync("t", 2);
        await Append(topic.Partitions[1], 7, 0, 0, 1);
        await host.RestartAsync();
        await host.AllOpenAsync();
        await host.RestartAsync();
        Assert.Null(await host.Storage[topic.Partitions[0].Identity.Stream].ReadCheckpointAsync());
        Assert.Equal(1, (await host.Storage[topic.Partitions[1].Identity.Stream].ReadCheckpointAsync())!.Value.Offset);
        Assert.Equal(0, host.Storage[topic.Partitions[1].Identity.Stream].Reads);
    }

    [Fact]
    public async Task Ten_thousand_partitions_open_side_by_side()
    {
        var catalog = new MemoryTopicCatalog();
        await catalog.CreateTopicAsync(Guid.NewGuid(), "wide", 10_000, new Dictionary<string, string>(), false, "User:test");
        await using BrokerHost host = await BrokerHost.StartAsync(catalog: catalog);
        await host.AllOpenAsync();
        Assert.Equal(10_000, host.Broker.Status.PartitionsOpen);
    }

    [Fact]
    public async Task Retention_deletes_by_size_and_restarts_keep_the_new_start()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { RetentionCheckMs = 30 });
        int size = Batches.Of(1).Length;
        Partition partition = (await host.CreateTopicAsync(
            "t", 1, ("retention.bytes", (size * 3).ToString(CultureInfo.InvariantCulture)))).Partitions[0];
        for (int index = 0; index < 10; index++)
        {
            await Append(partition, -1, -1, -1, 1);
        }

        await BrokerHost.UntilAsync(() => partition.LogStartOffset == 7);
        await host.RestartAsync();
        await host.AllOpenAsync();
        Assert.Equal(7, host.Services.Topics.Find("t", 0)!.LogStartOffset);
    }

    [Fact]
    public async Task A_deleted_topic_refuses_appends_and_its_streams_are_destroyed()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Topic topic = await host.CreateTopicAsync("t", 2);
        await host.Services.Topics.DeleteAsync("t", "User:test", CancellationToken.None);
        Assert.Equal(KafkaError.NotLeaderOrFollower, (await Append(topic.Partitions[0], -1, -1, -1, 1)).Error);
        Assert.Equal(topic.Partitions.Select(partition => partition.Identity.Stream).ToHashSet(), host.Storage.Destroyed);
        // The name is free again, for another topic.
        Topic again = await host.CreateTopicAsync("t");
        Assert.NotEqual(topic.Id, again.Id);
        Assert.Equal(0, (await Append(again.Partitions[0], -1, -1, -1, 1)).BaseOffset);
    }

    private static Task<AppendResult> Append(Partition partition, long producer, short epoch, int sequence, int count) =>
        partition.AppendAsync(Batches.Of(count, producer, epoch, sequence), null).AsTask();
}
