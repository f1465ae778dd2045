using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams.Tests.Metadata;

/// <summary>Who may commit what in a cluster, what waits, and how ranges move between objects.</summary>
public abstract class CommitContract : MetadataContract
{
    internal CommitContract(ITestDatabase database)
        : base(database)
    {
    }

    [Fact]
    public async Task A_stream_takes_commits_of_its_owner_alone()
    {
        BrokerEpoch owner = await RegisterAsync();
        BrokerEpoch other = await RegisterAsync();
        StreamId stream = (await CreateTopicAsync("orders", owner)).Partitions[0];
        Assert.Equal([stream], (await CommitAsync(By(other), Range(stream, 0, 10))).Refused);
        Assert.Empty((await CommitAsync(By(owner), Range(stream, 0, 10))).Refused);
        StreamId unowned = await CreateAsync();
        Assert.Empty((await CommitAsync(By(other), Range(unowned, 0, 10))).Refused);

        // The embedded default has no owners: epochs alone decide.
        Assert.Empty((await CommitAsync(Range(stream, 10, 20))).Refused);
    }

    [Fact]
    public async Task The_dead_commit_nothing_and_who_recovers_them_does_it_for_them()
    {
        ControllerTerm term = await LeadAsync();
        BrokerEpoch dead = await RegisterAsync();
        StreamId stream = (await CreateTopicAsync("orders", dead)).Partitions[0];
        var onBehalf = new CommitWriter(term.Broker, dead);
        await Assert.ThrowsAsync<BrokerFencedException>(() => CommitAsync(onBehalf, Range(stream, 0, 10)));
        await KillOthersAsync(term, term.Broker);
        await Assert.ThrowsAsync<BrokerFencedException>(() => CommitAsync(By(dead), Range(stream, 0, 10)));
        await Assert.ThrowsAsync<BrokerFencedException>(() => CommitAsync(onBehalf, Range(stream, 0, 10)));
        await Store.AssignRecoveryAsync(term, dead, term.Broker);
        Assert.Empty((await CommitAsync(onBehalf, Range(stream, 0, 10))).Refused);
        Assert.Equal(10, (await StateAsync(stream)).CommittedOffset);
        await Store.FinishRecoveryAsync(dead, term.Broker);
        await Assert.ThrowsAsync<BrokerFencedException>(() => CommitAsync(onBehalf, Range(stream, 10, 20)));
    }

    [Fact]
    public async Task After_a_hand_over_the_old_owner_brings_its_tail_and_the_new_one_waits_for_it()
    {
        (BrokerEpoch old, BrokerEpoch next, StreamId stream) = await HandedOverAsync(20);
        CommitOutcome early = await CommitAsync(By(next), Range(stream, 20, 30, 1));
        Assert.Equal([stream], early.Later);
        Assert.Empty(early.Refused);
        Assert.Equal([stream], (await CommitAsync(By(old), Range(stream, 10, 20))).Later);
        Assert.Equal(0, (await StateAsync(stream)).CommittedOffset);

        Assert.Empty((await CommitAsync(By(old), Range(stream, 0, 10))).Later);
        Assert.Empty((await CommitAsync(By(old), Range(stream, 10, 20))).Later);
        Assert.Equal([stream], (await CommitAsync(By(old), Range(stream, 20, 25))).Refused);
        CommitOutcome late = await CommitAsync(By(next), Range(stream, 20, 30, 1));
        Assert.Empty(late.Later);
        Assert.Equal(30, (await StateAsync(stream)).CommittedOffset);
        await Assert.ThrowsAsync<MetadataConflictException>(() => CommitAsync(By(next), Range(stream, 40, 50, 1)));
    }

    [Fact]
    public async Task Two_objects_that_wait_for_each_others_parts_both_get_in()
    {
        BrokerEpoch a = await RegisterAsync();
        BrokerEpoch b = await RegisterAsync();
        IReadOnlyList<StreamId> s = (await CreateTopicAsync("swap", a, b)).Partitions;
        await Store.RequestMovesAsync("op", [(s[0], b), (s[1], a)]);
        await Store.HandOverAsync(a, [new PartitionHandOver(s[0], 0, 10, default)]);
        await Store.HandOverAsync(b, [new PartitionHandOver(s[1], 0, 10, default)]);
        ObjectCommit ofA = await ObjectAsync(a, Range(s[0], 0, 10), Range(s[1], 10, 20, 1));
        ObjectCommit ofB = await ObjectAsync(b, Range(s[1], 0, 10), Range(s[0], 10, 20, 1));
        Assert.Equal([s[1]], (await Store.CommitObjectsAsync([ofA], By(a))).Later);
        Assert.Equal([s[1]], (await Store.CommitObjectsAsync([ofA], By(a))).Later);

        // Even if nothing else of the object is needed any more, it is kept for what waits.
        Assert.True(await Store.TrimStreamAsync(s[0], 1, 10));
        Assert.Empty(await Store.ListDueDeletesAsync(10, TimeSpan.Zero));
        Assert.Empty((await Store.CommitObjectsAsync([ofB], By(b))).Later);
        Assert.Empty((await Store.CommitObjectsAsync([ofA], By(a))).Later);
        Assert.Empty((await Store.CommitObjectsAsync([ofA], By(a))).Refused);
        Assert.All(await Store.ReadStreamsAsync(s), x => Assert.Equal(20, x.CommittedOffset));
        Assert.Equal(ofA.ObjectId, (await Store.ListRangesAsync(s[1], 10, 1))[0].ObjectId);
        Assert.True(await Store.TrimStreamAsync(s[1], 1, 20));
        Assert.Equal([ofA.ObjectId], await Store.ListDueDeletesAsync(10, TimeSpan.Zero));
    }

    [Fact]
    public async Task What_waited_in_vain_does_not_keep_its_object()
    {
        (BrokerEpoch old, BrokerEpoch next, StreamId stream) = await HandedOverAsync(20);
        IReadOnlyList<StreamId> own = await Store.CreateStreamsAsync(3, "test");
        ObjectCommit overtaken = await ObjectAsync(next, Range(own[0], 0, 10), Range(stream, 20, 30, 1));
        await Store.CommitObjectsAsync([overtaken], By(next));
        await CommitAsync(By(old), Range(stream, 0, 20));
        await CommitAsync(By(next), Range(stream, 20, 30, 1));
        await Store.TrimStreamAsync(own[0], 0, 10);
        Assert.Equal([overtaken.ObjectId], await Store.ListDueDeletesAsync(10, TimeSpan.Zero));

        // Nor when the stream goes, or the life that wrote it.
        (old, next, stream) = await HandedOverAsync(20);
        ObjectCommit destroyed = await ObjectAsync(next, Range(own[1], 0, 10), Range(stream, 20, 30, 1));
        await Store.CommitObjectsAsync([destroyed], By(next));
        await Store.TrimStreamAsync(own[1], 0, 10);
        await Store.DestroyStreamAsync(stream, "test");
        (old, next, stream) = await HandedOverAsync(20);
        ObjectCommit orphaned = await ObjectAsync(next, Range(own[2], 0, 10), Range(stream, 20, 30, 1));
        await Store.CommitObjectsAsync([orphaned], By(next));
        await Store.TrimStreamAsync(own[2], 0, 10);
        await Store.RetireBrokerAsync(next);
        Assert.Equal([overtaken.ObjectId, destroyed.ObjectId, orphaned.ObjectId], await Store.ListDueDeletesAsync(10, TimeSpan.Zero));
    }

    [Fact]
    public async Task What_waits_is_refused_when_its_writer_lost_the_stream_without_handing_it_over()
    {
        ControllerTerm term = await LeadAsync();
        (BrokerEpoch old, BrokerEpoch next, StreamId stream) = await HandedOverAsync(20);
        StreamId own = await CreateAsync();
        ObjectCommit waiting = await ObjectAsync(next, Range(own, 0, 10), Range(stream, 20, 30, 1));
        Assert.Equal([stream], (await Store.CommitObjectsAsync([waiting], By(next))).Later);
        await Store.RequestMovesAsync("op", [(stream, term.Broker)]);
        await Store.HandOverAsync(next, [new PartitionHandOver(stream, 1, 25, default)]);
        Assert.Equal([stream], (await Store.CommitObjectsAsync([waiting], By(next))).Refused);
        await Store.TrimStreamAsync(own, 0, 10);
        Assert.Equal([waiting.ObjectId], await Store.ListDueDeletesAsync(10, TimeSpan.Zero));
        Assert.True((await StateAsync(stream)) is { CommittedOffset: 0, SealedOffset: 25 });
    }

    [Fact]
    public async Task Ranges_move_to_other_objects_when_they_are_still_what_was_read()
    {
        BrokerEpoch writer = await RegisterAsync();
        IReadOnlyList<StreamId> s = await Store.CreateStreamsAsync(3, "test");
        for (int i = 0; i < 2; i++)
        {
            await CommitAsync(By(writer), [.. s.Select(x => Range(x, i * 10, (i + 1) * 10))]);
        }

        List<(StreamId, StreamRange)> sources =
            [.. await Store.ListObjectRangesAsync(1), .. await Store.ListObjectRangesAsync(2)];
        Assert.Equal(6, sources.Count);
        await Store.TrimStreamAsync(s[1], 0, 10);
        await Store.DestroyStreamAsync(s[2], "test");
        long end = await LogEndAsync();
        ObjectCommit merged = await ObjectAsync(writer, [.. s.Select(x => Range(x, 0, 20, 5))]);
        CommitOutcome outcome = await Store.RelocateRangesAsync(sources, [merged]);
        Assert.Equal([s[1], s[2]], outcome.Refused);
        Assert.Equal(outcome.Refused, (await Store.RelocateRangesAsync(sources, [merged])).Refused);
        StreamRange range = Assert.Single(await Store.ListRangesAsync(s[0], 0, 10));
        Assert.Equal((merged.ObjectId, 0L, 20L), (range.ObjectId, range.BaseOffset, range.EndOffset));
        Assert.Equal([1L], await Store.ListDueDeletesAsync(10, TimeSpan.Zero));
        Assert.Equal(end, await LogEndAsync());
        Assert.Equal(0, (await StateAsync(s[0])).Epoch);
        await Assert.ThrowsAsync<MetadataConflictException>(
            async () => await Store.RelocateRangesAsync(sources, [merged with { ObjectId = 99 }]));
    }

    [Fact]
    public async Task A_range_that_covers_something_else_than_the_sources_named_stays_where_it_is()
    {
        StreamId id = await CreateAsync();
        for (int i = 0; i < 3; i++)
        {
            await CommitAsync(Range(id, i * 10, (i + 1) * 10));
        }

        List<(StreamId, StreamRange)> all = [.. (await Store.ListRangesAsync(id, 0, 10)).Select(r => (id, r))];
        foreach ((long from, long to, int[] named) in new (long, long, int[])[]
        {
            (0, 30, [0, 2]), (0, 15, [0, 1]), (5, 20, [0, 1]), (0, 20, [0]), (30, 40, []), (0, 10, []),
        })
        {
            ObjectCommit moved = await ObjectAsync(default, Range(id, from, to));
            Assert.Equal([id], (await Store.RelocateRangesAsync([.. named.Select(n => all[n])], [moved])).Refused);
        }

        ObjectCommit exact = await ObjectAsync(default, Range(id, 10, 30));
        Assert.Empty((await Store.RelocateRangesAsync(all, [exact])).Refused);
        Assert.Equal([0L, 10L], (await Store.ListRangesAsync(id, 0, 10)).Select(r => r.BaseOffset));
        Assert.Equal(8, (await Store.ListDueDeletesAsync(100, TimeSpan.Zero)).Count);
    }

    [Fact]
    public async Task Small_and_mixed_objects_of_a_writer_are_worth_compacting_after_a_while()
    {
        BrokerEpoch writer = await RegisterAsync();
        BrokerEpoch gone = await RegisterAsync();
        IReadOnlyList<StreamId> s = await Store.CreateStreamsAsync(2, "test");
        await CommitAsync(By(writer), Range(s[0], 0, 10), Range(s[1], 0, 10));
        await CommitAsync(By(writer), Range(s[0], 10, 20));
        await CommitAsync(By(gone), Range(s[0], 20, 30));
        await CommitAsync(Range(s[0], 30, 40));
        Assert.Empty(await ListAsync(false, 1000, 1));
        await AdvanceAsync(TimeSpan.FromMinutes(1));
        Assert.Equal([1L, 2L], await ListAsync(false, 1000, 1));
        Assert.Equal([1L], await Store.ListCompactableObjectsAsync(writer, false, 1000, TimeSpan.FromMinutes(1), 1));
        Assert.Equal([1L], await ListAsync(false, 100, 1));
        Assert.Equal([1L, 2L, 4L], await ListAsync(true, 1000, 1));
        await Store.RetireBrokerAsync(gone);
        Assert.Equal([1L, 2L, 3L, 4L], await ListAsync(true, 1000, 1));
        await Store.TrimStreamAsync(s[1], 0, 10);
        Assert.Empty(await ListAsync(false, 100, 1));

        async Task<IReadOnlyList<long>> ListAsync(bool orphaned, long bytesMax, int minutes) =>
            await Store.ListCompactableObjectsAsync(writer, orphaned, bytesMax, TimeSpan.FromMinutes(minutes), 10);
    }

    private static CommitWriter By(BrokerEpoch broker) => new(broker, default);

    private async Task<(BrokerEpoch Old, BrokerEpoch New, StreamId Stream)> HandedOverAsync(long at)
    {
        BrokerEpoch old = await RegisterAsync();
        BrokerEpoch next = await RegisterAsync();
        StreamId stream = (await CreateTopicAsync($"topic{old}", old)).Partitions[0];
        await Store.RequestMovesAsync("op", [(stream, next)]);
        Assert.Single(await Store.HandOverAsync(old, [new PartitionHandOver(stream, 0, at, default)]));
        return (old, next, stream);
    }
}
