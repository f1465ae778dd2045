using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Groups;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Cluster;

public sealed class PlacementTests
{
    [Fact]
    public async Task A_partition_that_cannot_be_opened_is_tried_again_under_the_epoch_of_its_placement()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(BrokerHost.Options with { PartitionOpenRetryMs = 20 });
        StreamId stream = await pair.CreateAsync("t");
        for (int attempt = 0; attempt < 3; attempt++)
        {
            pair.Storage.OpenFailures.Enqueue(new IOException("the bucket is away"));
        }

        await pair.MoveAsync(stream);
        Assert.Equal((2, 2L), (pair.PartitionOn(2, "t").LeaderEpoch, pair.Storage[stream].Epoch));
        Assert.Empty(pair.Storage.OpenFailures);
    }

    [Fact]
    public async Task A_placement_that_the_metadata_do_not_know_is_given_up_until_there_is_a_newer_one()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(BrokerHost.Options with { PartitionOpenRetryMs = 20 });
        StreamId stream = await pair.CreateAsync("t");
        pair.Storage.OpenFailures.Enqueue(new StreamUnavailableException(StreamUnavailableReason.Fenced, "it is owned by another broker"));
        pair.Second.PartitionHost!.Lead(stream, 2);
        await BrokerHost.UntilAsync(() => pair.PartitionOn(2, "t").State == PartitionState.Elsewhere);
        Assert.Equal(KafkaError.NotLeaderOrFollower, (await pair.PartitionOn(2, "t").AppendAsync(Batches.Of(1), null)).Error);
        Assert.Equal(1, pair.Storage[stream].Epoch);
        Assert.True(pair.Second.Status.IsReady);
        pair.Second.PartitionHost.Lead(stream, 3);
        await BrokerHost.UntilAsync(() => pair.PartitionOn(2, "t").State == PartitionState.Open);
        Assert.Equal(3, pair.Storage[stream].Epoch);
    }

    [Fact]
    public async Task A_newer_placement_does_not_wait_for_the_pause_after_a_failure()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(BrokerHost.Options with { PartitionOpenRetryMs = 3_600_000 });
        StreamId stream = await pair.CreateAsync("t");
        pair.Storage.OpenFailures.Enqueue(new IOException("the bucket is away"));
        pair.Second.PartitionHost!.Lead(stream, 2);
        await BrokerHost.UntilAsync(() => pair.PartitionOn(2, "t").State == PartitionState.Failed);
        Assert.False(pair.Second.Status.IsReady);
        pair.Second.PartitionHost.Lead(stream, 3);
        await BrokerHost.UntilAsync(() => pair.PartitionOn(2, "t").State == PartitionState.Open);
        Assert.True(pair.Second.Status.IsReady);
    }

    [Fact]
    public async Task What_is_opened_under_a_placement_that_is_over_is_let_go()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        StreamId stream = await pair.CreateAsync("t");
        var gate = new TaskCompletionSource();
        pair.Storage.OpenGate = gate.Task;
        Partition second = pair.PartitionOn(2, "t");
        int opens = pair.Storage.OpensBegun;
        pair.Second.PartitionHost!.Lead(stream, 2);
        ValueTask<AppendResult> waiting = second.AppendAsync(Batches.Of(1), null);
        await BrokerHost.UntilAsync(() => pair.Storage.OpensBegun > opens);
        pair.Second.PartitionHost.StepDown(stream);
        Assert.Equal(KafkaError.NotLeaderOrFollower, (await waiting).Error);
        gate.SetResult();
        await BrokerHost.UntilAsync(() => pair.Storage.Released.Contains(stream));
        Assert.Equal(PartitionState.Elsewhere, second.State);
    }

    [Fact]
    public async Task Placements_that_are_over_before_their_opening_began_do_not_disturb_the_next()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        StreamId stream = await pair.CreateAsync("t");
        for (int epoch = 2; epoch < 200; epoch += 2)
        {
            pair.Second.PartitionHost!.Lead(stream, epoch);
            pair.Second.PartitionHost.StepDown(stream);
            pair.Second.PartitionHost.Lead(stream, epoch + 1);
        }

        Partition second = pair.PartitionOn(2, "t");
        await BrokerHost.UntilAsync(() => second.State == PartitionState.Open);
        Assert.Equal((199, 199L), (second.LeaderEpoch, pair.Storage[stream].Epoch));
        Assert.Equal(0, (await second.AppendAsync(Batches.Of(1), null)).BaseOffset);
    }

    [Fact]
    public async Task A_leader_whose_stream_was_fenced_steps_down_and_does_not_come_back_by_itself()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(BrokerHost.Options with { PartitionOpenRetryMs = 1 });
        StreamId stream = await pair.CreateAsync("t");
        pair.Second.PartitionHost!.Lead(stream, 2);
        await BrokerHost.UntilAsync(() => pair.PartitionOn(2, "t").State == PartitionState.Open);

        // Broker 1 has heard of nothing, and finds out by its stream.
        Assert.Equal(KafkaError.NotLeaderOrFollower, (await pair.PartitionOn(1, "t").AppendAsync(Batches.Of(1), null)).Error);
        Assert.Equal(PartitionState.Elsewhere, pair.PartitionOn(1, "t").State);
        pair.First.Services!.Partitions.RequestOpen(pair.PartitionOn(1, "t"));
        Assert.Equal(PartitionState.Elsewhere, pair.PartitionOn(1, "t").State);
        Assert.Equal(0, (await pair.PartitionOn(2, "t").AppendAsync(Batches.Of(1), null)).BaseOffset);
    }

    [Fact]
    public async Task Only_the_leader_trims_and_looks_after_retention()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        StreamId stream = await pair.CreateAsync("t", ("retention.bytes", "1"));
        await pair.PartitionOn(1, "t").AppendAsync(Batches.Of(1), null);
        await pair.PartitionOn(1, "t").AppendAsync(Batches.Of(1), null);
        await pair.PartitionOn(2, "t").ApplyRetentionAsync(CancellationToken.None);
        Assert.Equal(0, pair.Storage[stream].StartOffset);
        Assert.NotNull(await pair.First.PartitionHost!.SealAsync(stream));
        await pair.PartitionOn(1, "t").ApplyRetentionAsync(CancellationToken.None);
        await Assert.ThrowsAsync<StreamUnavailableException>(async () => await pair.PartitionOn(1, "t").TrimAsync(1, CancellationToken.None));
        Assert.Equal(0, pair.Storage[stream].StartOffset);
        pair.First.PartitionHost.Resume(stream);
        await BrokerHost.UntilAsync(() => pair.PartitionOn(1, "t").State == PartitionState.Open);
        await pair.PartitionOn(1, "t").ApplyRetentionAsync(CancellationToken.None);
        Assert.Equal(1, pair.Storage[stream].StartOffset);
    }

    [Fact]
    public async Task Rates_are_bytes_per_second_of_what_is_led_here()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        await pair.CreateAsync("t");
        var time = new ManualTime();
        var rates = new PartitionRates(time, () => pair.First.Services!.Topics.Partitions);
        Partition partition = pair.PartitionOn(1, "t");
        Assert.Empty(rates.Measure());
        time.Pass(2_000);
        partition.Traffic.In(4_000);
        partition.Traffic.Out(1_000);
        PartitionLoad load = Assert.Single(rates.Measure());
        Assert.Equal((2_000, 500), (load.BytesInPerSecond, load.BytesOutPerSecond));

        // Looked at again too soon, and then after a while of silence.
        partition.Traffic.In(1_000_000_000);
        time.Pass(500);
        Assert.Equal(load, Assert.Single(rates.Measure()));
        time.Pass(1_000);
        rates.Measure();
        time.Pass(600_000);
        Assert.Empty(rates.Measure());
        pair.First.PartitionHost!.StepDown(partition.Identity.Stream);
        partition.Traffic.In(1_000_000_000);
        time.Pass(2_000);
        Assert.Empty(rates.Measure());
    }
}
