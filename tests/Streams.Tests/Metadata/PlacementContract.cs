using System.Text.Json;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams.Tests.Metadata;

/// <summary>Who owns which partition, moves and loads, as <see cref="IClusterCatalog"/> promises them.</summary>
public abstract class PlacementContract : MetadataContract
{
    internal PlacementContract(ITestDatabase database)
        : base(database)
    {
    }

    [Fact]
    public async Task Without_brokers_topics_have_no_placements()
    {
        TopicRecord topic = await CreateTopicAsync("plain", BrokerEpoch.None);
        Assert.Empty(topic.Placements);
        Assert.DoesNotContain("placements", (await Store.ReadLogAsync(0, 1))[0].Payload, StringComparison.Ordinal);
    }

    [Fact]
    public async Task New_partitions_go_to_brokers_that_are_alive_and_else_to_nobody()
    {
        BrokerEpoch alive = await RegisterAsync();
        BrokerEpoch draining = await RegisterAsync();
        await Store.DrainBrokerAsync(draining, "op");
        TopicRecord topic = await CreateTopicAsync("orders", alive, draining, new BrokerEpoch(99), BrokerEpoch.None);
        Assert.Equal(topic.Partitions, topic.Placements.Select(p => p.Stream));
        Assert.Equal([alive, default, default, default], topic.Placements.Select(p => p.Owner));
        Assert.All(topic.Placements, p => Assert.Equal((0L, BrokerEpoch.None), (p.Epoch, p.Target)));
        TopicRecord grown = (await Store.CreatePartitionsAsync("orders", 6, "test", [alive, draining])).Topic!;
        Assert.Equal([alive, default, default, default, alive, default], grown.Placements.Select(p => p.Owner));
        Assert.Equal(grown.Placements, (await Store.ReadTopicAsync("orders"))!.Placements);
        Assert.Equal(grown.Placements, Assert.Single((await Store.ReadClusterAsync()).Topics).Placements);
        Assert.Null(await Store.ReadTopicAsync("unknown"));
    }

    [Fact]
    public async Task Partitions_without_an_owner_are_placed_under_the_next_epoch()
    {
        ControllerTerm term = await LeadAsync();
        TopicRecord topic = await CreateTopicAsync("orders", BrokerEpoch.None, BrokerEpoch.None, term.Broker, BrokerEpoch.None);
        long end = await LogEndAsync();
        IReadOnlyList<PartitionPlacement> placed = await Store.AssignPartitionsAsync(
            term,
            [
                new(topic.Partitions[0], 0, term.Broker),
                new(topic.Partitions[1], 7, term.Broker),
                new(topic.Partitions[2], 0, term.Broker),
                new(topic.Partitions[3], 0, new BrokerEpoch(99)),
                new(new StreamId(999), 0, term.Broker),
            ]);
        var expected = new PartitionPlacement(topic.Partitions[0], term.Broker, 1, default);
        Assert.Equal([expected], placed);
        Assert.Equal(expected, (await Store.ReadTopicAsync("orders"))!.Placements[0]);
        Assert.Empty(await Store.AssignPartitionsAsync(term, [new(topic.Partitions[0], 0, term.Broker)]));
        Assert.Equal([expected], Placements(Assert.Single(await Store.ReadLogAsync(end, 10), e => e.Kind == "partitions.placed")));
        await Assert.ThrowsAsync<BrokerFencedException>(
            async () => await Store.AssignPartitionsAsync(term with { Term = 9 }, [new(topic.Partitions[1], 0, term.Broker)]));
    }

    [Fact]
    public async Task Partitions_of_the_dead_are_placed_only_when_their_log_is_recovered()
    {
        ControllerTerm term = await LeadAsync();
        BrokerEpoch dead = await RegisterAsync();
        StreamId stream = (await CreateTopicAsync("orders", dead)).Partitions[0];
        var assignment = new PartitionAssignment(stream, 0, term.Broker);
        Assert.Empty(await Store.AssignPartitionsAsync(term, [assignment]));
        await KillOthersAsync(term, term.Broker);
        Assert.Empty(await Store.AssignPartitionsAsync(term, [assignment]));
        await Store.AssignRecoveryAsync(term, dead, term.Broker);
        Assert.Empty(await Store.AssignPartitionsAsync(term, [assignment]));
        await Store.FinishRecoveryAsync(dead, term.Broker);
        await AdvanceAsync(TimeSpan.Zero);
        await Store.ForgetBrokerAsync(dead);
        Assert.Equal([new PartitionPlacement(stream, term.Broker, 1, default)], await Store.AssignPartitionsAsync(term, [assignment]));
    }

    [Fact]
    public async Task A_move_is_requested_changed_and_called_off()
    {
        BrokerEpoch owner = await RegisterAsync();
        BrokerEpoch target = await RegisterAsync();
        StreamId stream = (await CreateTopicAsync("orders", owner)).Partitions[0];
        long end = await LogEndAsync();
        var expected = new PartitionPlacement(stream, owner, 0, target);
        Assert.Equal([expected], await Store.RequestMovesAsync("op", [(stream, target), (new StreamId(999), target)]));
        Assert.Empty(await Store.RequestMovesAsync("op", [(stream, target)]));
        Assert.Empty(await Store.RequestMovesAsync("op", [(stream, new BrokerEpoch(99))]));
        Assert.Equal([expected with { Target = default }], await Store.RequestMovesAsync("op", [(stream, owner)]));
        await Store.RequestMovesAsync("op", [(stream, target)]);
        Assert.Equal([expected with { Target = default }], await Store.RequestMovesAsync("op", [(stream, BrokerEpoch.None)]));
        IReadOnlyList<MetadataLogEntry> log = await Store.ReadLogAsync(end, 10);
        Assert.All(log, e => Assert.Equal(("partitions.move.requested", "op"), (e.Kind, e.Principal)));
        Assert.Equal([target, default, target, default], log.Select(e => Placements(e).Single().Target));
    }

    [Fact]
    public async Task A_hand_over_moves_owner_epoch_seal_and_checkpoint_at_once()
    {
        BrokerEpoch owner = await RegisterAsync();
        BrokerEpoch target = await RegisterAsync();
        StreamId stream = (await CreateTopicAsync("orders", owner)).Partitions[0];
        var handOver = new PartitionHandOver(stream, 0, 40, new byte[] { 4, 2 });
        Assert.Empty(await Store.HandOverAsync(owner, [handOver]));
        await Store.RequestMovesAsync("op", [(stream, target)]);
        Assert.Empty(await Store.HandOverAsync(target, [handOver]));
        Assert.Empty(await Store.HandOverAsync(owner, [handOver with { Epoch = 1 }]));
        Assert.Equal([new PartitionPlacement(stream, target, 1, default)], await Store.HandOverAsync(owner, [handOver]));

        // Repeated after a lost answer it is left out; the stream's epoch tells that it was handed over.
        Assert.Empty(await Store.HandOverAsync(owner, [handOver]));
        StreamState state = await StateAsync(stream);
        Assert.Equal((1L, 0L, 40L, 40L), (state.Epoch, state.CommittedOffset, state.SealedOffset, state.EndOffset));
        StreamCheckpoint checkpoint = (await Store.ReadCheckpointAsync(stream))!.Value;
        Assert.Equal(40, checkpoint.Offset);
        Assert.Equal(new byte[] { 4, 2 }, checkpoint.State.ToArray());
        Assert.Equal("partitions.placed", (await KindsAsync())[^1]);

        // Only the new owner opens it, under exactly its epoch.
        Assert.Equal(StreamOpenError.Fenced, (await OpenAsync(stream, 1, owner)).Error);
        Assert.Equal(StreamOpenError.Fenced, (await OpenAsync(stream, 2, target)).Error);
        Assert.Equal(StreamOpenError.Fenced, (await OpenAsync(stream, 0, target)).Error);
        StreamOpened opened = await OpenAsync(stream, 1, target);
        Assert.Equal((StreamOpenError.None, 40L), (opened.Error, opened.State.EndOffset));
    }

    [Fact]
    public async Task A_hand_over_to_the_dead_is_called_off_and_the_dead_hand_nothing_over()
    {
        ControllerTerm term = await LeadAsync();
        BrokerEpoch owner = await RegisterAsync();
        BrokerEpoch target = await RegisterAsync();
        IReadOnlyList<StreamId> streams = (await CreateTopicAsync("orders", owner, owner)).Partitions;
        await Store.RequestMovesAsync("op", [(streams[0], target), (streams[1], term.Broker)]);
        await KillOthersAsync(term, term.Broker, owner);
        long end = await LogEndAsync();
        PartitionHandOver[] all = [.. streams.Select(s => new PartitionHandOver(s, 0, 0, default))];
        Assert.Equal([new PartitionPlacement(streams[1], term.Broker, 1, default)], await Store.HandOverAsync(owner, all));
        IReadOnlyList<MetadataLogEntry> log = await Store.ReadLogAsync(end, 10);
        Assert.Equal(["partitions.move.requested", "partitions.placed"], log.Select(e => e.Kind));
        Assert.Equal([new PartitionPlacement(streams[0], owner, 0, default)], Placements(log[0]));
        await KillOthersAsync(term, term.Broker);
        await Assert.ThrowsAsync<BrokerFencedException>(async () => await Store.HandOverAsync(owner, all));
    }

    [Fact]
    public async Task A_hand_over_below_what_is_stored_is_a_broken_promise()
    {
        BrokerEpoch owner = await RegisterAsync();
        BrokerEpoch target = await RegisterAsync();
        StreamId stream = (await CreateTopicAsync("orders", owner)).Partitions[0];
        await CommitAsync(new CommitWriter(owner, default), Range(stream, 0, 10));
        await Store.RequestMovesAsync("op", [(stream, target)]);
        await Assert.ThrowsAsync<MetadataConflictException>(
            async () => await Store.HandOverAsync(owner, [new PartitionHandOver(stream, 0, 9, default)]));
        Assert.Equal(0, (await StateAsync(stream)).Epoch);
    }

    [Fact]
    public async Task Thousands_of_partitions_move_in_one_call()
    {
        ControllerTerm term = await LeadAsync();
        BrokerEpoch target = await RegisterAsync();
        TopicRecord topic = await CreateTopicAsync("wide", [.. Enumerable.Repeat(term.Broker, 2500)]);
        Assert.Equal(2500, (await Store.RequestMovesAsync("op", [.. topic.Partitions.Select(p => (p, target))])).Count);
        long end = await LogEndAsync();
        Assert.Equal(2500, (await Store.HandOverAsync(
            term.Broker, [.. topic.Partitions.Select(p => new PartitionHandOver(p, 0, p.Value, BitConverter.GetBytes(p.Value)))])).Count);
        Assert.Equal(topic.Partitions, (await Store.ReadLogAsync(end, 100)).SelectMany(Placements).Select(p => p.Stream));
        Assert.All(await Store.ReadStreamsAsync(topic.Partitions), s => Assert.Equal((1, s.Id.Value), (s.Epoch, s.SealedOffset)));
        StreamId some = topic.Partitions[1700];
        Assert.Equal(BitConverter.GetBytes(some.Value), (await Store.ReadCheckpointAsync(some))!.Value.State.ToArray());
    }

    [Fact]
    public async Task Loads_are_replaced_by_the_broker_that_has_the_partition_and_go_with_either()
    {
        BrokerEpoch first = await RegisterAsync();
        BrokerEpoch second = await RegisterAsync();
        IReadOnlyList<StreamId> streams = await Store.CreateStreamsAsync(3, "test");
        await Store.SavePartitionLoadsAsync(first, [new(streams[0], 1, 10), new(streams[1], 2, 20)]);
        await Store.SavePartitionLoadsAsync(second, [new(streams[1], 3, 30.5), new(streams[2], 4, 40)]);
        await Store.SavePartitionLoadsAsync(first, [new(streams[0], 5, 50)]);
        Assert.Equal(
            [new PartitionLoad(streams[0], 5, 50), new(streams[1], 3, 30.5), new(streams[2], 4, 40)], await Store.ReadPartitionLoadsAsync());
        await Store.DestroyStreamAsync(streams[2], "test");
        await Store.RetireBrokerAsync(first);
        await Store.ForgetBrokerAsync(first);
        Assert.Equal([new PartitionLoad(streams[1], 3, 30.5)], await Store.ReadPartitionLoadsAsync());
    }

    [Fact]
    public async Task The_snapshot_is_everything_at_one_end_of_the_log()
    {
        ControllerTerm term = await LeadAsync();
        TopicRecord topic = await CreateTopicAsync("orders", term.Broker);
        ClusterSnapshot snapshot = await Store.ReadClusterAsync();
        Assert.Equal((await LogEndAsync(), term), (snapshot.LogEnd, snapshot.Controller));
        Assert.Equal(term.Broker, Assert.Single(snapshot.Brokers).Epoch);
        Assert.Equal((topic.Id, "orders"), (Assert.Single(snapshot.Topics).Id, snapshot.Topics[0].Name));
    }

    internal static IEnumerable<PartitionPlacement> Placements(MetadataLogEntry entry)
    {
        foreach (JsonElement placement in JsonDocument.Parse(entry.Payload).RootElement.GetProperty("placements").EnumerateArray())
        {
            yield return new PartitionPlacement(
                new StreamId(placement.GetProperty("stream").GetInt64()), new BrokerEpoch(placement.GetProperty("owner").GetInt64()),
                placement.GetProperty("epoch").GetInt64(), new BrokerEpoch(placement.GetProperty("target").GetInt64()));
        }
    }
}
