using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams.Tests.Metadata;

/// <summary>Streams, objects, topics and the log, without a cluster.</summary>
public abstract class MetadataStoreContract : MetadataContract
{
    private static readonly Dictionary<string, string> NoConfigs = [];

    internal MetadataStoreContract(ITestDatabase database)
        : base(database)
    {
    }

    [Fact]
    public async Task Opening_raises_the_epoch_and_fences_lower_ones()
    {
        StreamId id = await CreateAsync();
        Assert.Equal(StreamOpenError.None, (await OpenAsync(id, 5)).Error);
        Assert.Equal(StreamOpenError.None, (await OpenAsync(id, 5)).Error);
        StreamOpened fenced = await OpenAsync(id, 4);
        Assert.Equal(StreamOpenError.Fenced, fenced.Error);
        Assert.Equal(5, fenced.State.Epoch);
        Assert.Equal(StreamOpenError.NotFound, (await OpenAsync(new StreamId(999), 1)).Error);
        Assert.False(await Store.TrimStreamAsync(id, 4, 0));
        Assert.False(await Store.SaveCheckpointAsync(id, 4, new StreamCheckpoint(0, new byte[1])));
    }

    [Fact]
    public async Task Many_streams_open_in_one_call_each_with_its_own_result()
    {
        IReadOnlyList<StreamId> ids = await Store.CreateStreamsAsync(3000, "test");
        IReadOnlyList<StreamOpened> opened = await Store.OpenStreamsAsync(
            [.. ids.Select(i => new StreamOpening(i, i.Value)), new StreamOpening(new StreamId(-1), 1)]);
        Assert.Equal(ids, opened.Take(3000).Select(o => o.State.Id));
        Assert.Equal(StreamOpenError.NotFound, opened[^1].Error);
        Assert.Equal(3000, (await Store.ReadStreamsAsync(ids)).Count(s => s.Epoch == s.Id.Value));
    }

    [Fact]
    public async Task A_commit_must_go_on_exactly_where_the_stream_ends()
    {
        StreamId id = await CreateAsync();
        await CommitAsync(Range(id, 0, 10));
        foreach ((long from, long to) in new (long, long)[] { (11, 20), (9, 20), (0, 10), (10, 10) })
        {
            await Assert.ThrowsAsync<MetadataConflictException>(() => CommitAsync(Range(id, from, to)));
        }

        await CommitAsync(Range(id, 10, 20));
        Assert.Equal(20, Assert.Single(await Store.ReadStreamsAsync([id])).CommittedOffset);
        Assert.Equal([(0L, 10L), (10L, 20L)], (await Store.ListRangesAsync(id, 0, 10)).Select(r => (r.BaseOffset, r.EndOffset)));
        Assert.Equal(10, Assert.Single(await Store.ListRangesAsync(id, 10, 10)).BaseOffset);
    }

    [Fact]
    public async Task A_refused_commit_changes_nothing_at_all()
    {
        IReadOnlyList<StreamId> ids = await Store.CreateStreamsAsync(2, "test");
        await Assert.ThrowsAsync<MetadataConflictException>(() => CommitAsync(Range(ids[0], 0, 10), Range(ids[1], 5, 10)));
        Assert.All(await Store.ReadStreamsAsync(ids), s => Assert.Equal(0, s.CommittedOffset));
        Assert.Empty(await Store.ListRangesAsync(ids[0], 0, 10));
    }

    [Fact]
    public async Task Committing_the_same_object_again_is_no_error_and_no_change()
    {
        StreamId id = await CreateAsync();
        long objectId = await Store.PrepareObjectsAsync(1, TimeSpan.FromHours(1));
        var commit = new ObjectCommit(objectId, 100, 50, [Range(id, 0, 10)]);
        await Store.CommitObjectsAsync([commit]);
        CommitOutcome again = await Store.CommitObjectsAsync([commit]);
        Assert.Empty(again.Refused);
        Assert.Equal(10, Assert.Single(await Store.ReadStreamsAsync([id])).CommittedOffset);
        Assert.Single(await Store.ListRangesAsync(id, 0, 10));
    }

    [Fact]
    public async Task Ranges_of_fenced_and_destroyed_streams_are_left_out_and_named()
    {
        IReadOnlyList<StreamId> ids = await Store.CreateStreamsAsync(3, "test");
        await OpenAsync(ids[0], 7);
        await Store.DestroyStreamAsync(ids[1], "test");
        CommitOutcome outcome = await CommitAsync([.. ids.Select(i => Range(i, 0, 10))]);
        Assert.Equal([ids[0], ids[1]], outcome.Refused);
        Assert.Equal(10, Assert.Single(await Store.ReadStreamsAsync([ids[2]])).CommittedOffset);
        Assert.Equal(0, Assert.Single(await Store.ReadStreamsAsync([ids[0]])).CommittedOffset);
    }

    [Fact]
    public async Task An_object_prepared_too_long_ago_can_not_be_committed_and_is_deleted()
    {
        StreamId id = await CreateAsync();
        long objectId = await Store.PrepareObjectsAsync(1, TimeSpan.FromMinutes(10));
        Assert.Empty(await Store.ListDueDeletesAsync(10, TimeSpan.Zero));
        await AdvanceAsync(TimeSpan.FromMinutes(11));
        Assert.Equal([objectId], await Store.ListDueDeletesAsync(10, TimeSpan.FromHours(1)));
        await Assert.ThrowsAsync<MetadataConflictException>(
            async () => await Store.CommitObjectsAsync([new ObjectCommit(objectId, 100, 50, [Range(id, 0, 10)])]));
        await Store.ForgetObjectsAsync([objectId]);
        Assert.Empty(await Store.ListObjectsAsync(0, 10));
    }

    [Fact]
    public async Task Trimming_gives_objects_up_when_no_stream_needs_them_and_after_the_grace()
    {
        IReadOnlyList<StreamId> ids = await Store.CreateStreamsAsync(2, "test");
        await CommitAsync(Range(ids[0], 0, 10), Range(ids[1], 0, 10));
        await CommitAsync(Range(ids[0], 10, 20));
        Assert.True(await Store.TrimStreamAsync(ids[0], 0, 15));
        Assert.True(await Store.TrimStreamAsync(ids[0], 0, 5));
        Assert.Equal(15, Assert.Single(await Store.ReadStreamsAsync([ids[0]])).StartOffset);
        Assert.Empty(await Store.ListDueDeletesAsync(10, TimeSpan.Zero));
        Assert.True(await Store.TrimStreamAsync(ids[1], 0, 10));
        Assert.Empty(await Store.ListDueDeletesAsync(10, TimeSpan.FromMinutes(2)));
        await AdvanceAsync(TimeSpan.FromMinutes(3));
        Assert.Equal([1L], await Store.ListDueDeletesAsync(10, TimeSpan.FromMinutes(2)));
    }

    [Fact]
    public async Task What_was_trimmed_before_its_commit_leaves_nothing_behind()
    {
        StreamId id = await CreateAsync();
        Assert.True(await Store.TrimStreamAsync(id, 0, 10));
        await CommitAsync(Range(id, 0, 10));
        Assert.Empty(await Store.ListRangesAsync(id, 0, 10));
        Assert.Equal([1L], await Store.ListDueDeletesAsync(10, TimeSpan.Zero));
    }

    [Fact]
    public async Task Replacing_swaps_whole_ranges_only()
    {
        StreamId id = await CreateAsync();
        for (int i = 0; i < 4; i++)
        {
            await CommitAsync(Range(id, i * 10, (i + 1) * 10));
        }

        long objectId = await Store.PrepareObjectsAsync(1, TimeSpan.FromHours(1));
        var rewritten = new ObjectCommit(objectId, 100, 50, [Range(id, 12, 25)]);
        await Assert.ThrowsAsync<MetadataConflictException>(async () => await Store.ReplaceRangesAsync(id, 0, 12, 30, [rewritten]));
        await Assert.ThrowsAsync<MetadataConflictException>(async () => await Store.ReplaceRangesAsync(id, 0, 10, 20, [rewritten]));
        Assert.False(await Store.ReplaceRangesAsync(id, 3, 10, 30, [rewritten]));
        Assert.True(await Store.ReplaceRangesAsync(id, 0, 10, 30, [rewritten]));
        Assert.True(await Store.ReplaceRangesAsync(id, 0, 10, 30, [rewritten]));
        Assert.Equal([0L, 12L, 30L], (await Store.ListRangesAsync(id, 0, 10)).Select(r => r.BaseOffset));
        Assert.Equal([2L, 3L], await Store.ListDueDeletesAsync(10, TimeSpan.Zero));
        Assert.True(await Store.ReplaceRangesAsync(id, 0, 10, 30, []));
        Assert.Equal([0L, 30L], (await Store.ListRangesAsync(id, 0, 10)).Select(r => r.BaseOffset));
    }

    [Theory]
    [InlineData(long.MinValue, long.MaxValue, 0)]
    [InlineData(150, long.MaxValue, 10)]
    [InlineData(1000, long.MaxValue, 40)]
    [InlineData(long.MinValue, 1000, 0)]
    [InlineData(long.MinValue, 101, 20)]
    [InlineData(long.MinValue, 100, 30)]
    [InlineData(long.MinValue, 0, 40)]
    public async Task Retention_finds_the_first_range_to_keep(long keepFrom, long keepBytes, long expected)
    {
        StreamId id = await CreateAsync();
        for (int i = 0; i < 4; i++)
        {
            await CommitAsync(Range(id, i * 10, (i + 1) * 10) with { MaxTimestamp = (i + 1) * 100, Bytes = 100 });
        }

        Assert.Equal(expected, await Store.FindRetentionStartAsync(id, keepFrom, keepBytes));
    }

    [Fact]
    public async Task Topics_live_with_their_streams_configs_and_log()
    {
        var topicId = Guid.NewGuid();
        (CatalogError error, TopicRecord? topic) = await Store.CreateTopicAsync(
            topicId, "payments", 2, new Dictionary<string, string> { ["retention.ms"] = "1" }, false, "alice");
        Assert.Equal(CatalogError.None, error);
        Assert.Equal(2, topic!.Partitions.Count);
        Assert.Equal(CatalogError.AlreadyExists, (await Store.CreateTopicAsync(Guid.NewGuid(), "payments", 1, NoConfigs, false, "bob")).Error);
        Assert.Equal(CatalogError.Conflict, (await Store.CreatePartitionsAsync("payments", 2, "bob")).Error);
        Assert.Equal(3, (await Store.CreatePartitionsAsync("payments", 3, "bob")).Topic!.Partitions.Count);
        await Store.SetTopicConfigsAsync("payments", new Dictionary<string, string> { ["cleanup.policy"] = "compact" }, "carol");
        (CatalogError late, TopicRecord? present) = await Store.SetTopicConfigsAsync(
            "payments", new Dictionary<string, string> { ["retention.ms"] = "2" }, "erin", before: new Dictionary<string, string> { ["retention.ms"] = "1" });
        Assert.Equal((CatalogError.Conflict, "cleanup.policy"), (late, Assert.Single(present!.Configs).Key));
        TopicRecord listed = Assert.Single(await Store.ListTopicsAsync());
        Assert.Equal((topicId, "payments", 3, false), (listed.Id, listed.Name, listed.Partitions.Count, listed.IsInternal));
        Assert.Equal("compact", Assert.Single(listed.Configs).Value);
        Assert.Equal(CatalogError.None, (await Store.DeleteTopicAsync("payments", "dave")).Error);
        Assert.Equal(CatalogError.NotFound, (await Store.DeleteTopicAsync("payments", "dave")).Error);
        Assert.Equal(CatalogError.NotFound, (await Store.SetTopicConfigsAsync("payments", NoConfigs, "dave")).Error);
        Assert.Empty(await Store.ListTopicsAsync());
        Assert.Equal(listed.Partitions, await Store.ListDoomedStreamsAsync(10));
        Assert.Equal(StreamOpenError.NotFound, (await OpenAsync(listed.Partitions[0], 1)).Error);
        IReadOnlyList<MetadataLogEntry> log = await Store.ReadLogAsync(0, 100);
        Assert.Equal(
            [("alice", "topic.created"), ("bob", "topic.partitions.added"), ("carol", "topic.configs.set"), ("dave", "topic.deleted")],
            log.Select(e => (e.Principal, e.Kind)));
        Assert.Equal([1L, 2L, 3L, 4L], log.Select(e => e.Sequence));
        Assert.Contains("retention.ms", log[0].Payload, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_beside_topics_are_replaced_as_a_whole_by_whoever_knows_what_they_were()
    {
        var one = new Dictionary<string, string> { ["b"] = "2", ["a"] = "1" };
        var other = new Dictionary<string, string> { ["a"] = "3" };
        Assert.Equal(CatalogError.None, (await Store.SetConfigsAsync(new ConfigRecord("broker", "", one), "alice", NoConfigs)).Error);
        (CatalogError late, ConfigRecord present) = await Store.SetConfigsAsync(new ConfigRecord("broker", "", other), "bob", NoConfigs);
        Assert.Equal((CatalogError.Conflict, "1", "2"), (late, present.Values["a"], present.Values["b"]));
        Assert.Equal(CatalogError.None, (await Store.SetConfigsAsync(new ConfigRecord("group", "g", other), "bob", NoConfigs)).Error);
        Assert.Equal(CatalogError.None, (await Store.SetConfigsAsync(new ConfigRecord("broker", "", one), "nobody", one)).Error);
        Assert.Equal(CatalogError.None, (await Store.SetConfigsAsync(new ConfigRecord("broker", "", other), "carol", one)).Error);
        Assert.Equal(
            [("broker", "", "a=3"), ("group", "g", "a=3")],
            (await Store.ListConfigsAsync()).Select(r => (r.Kind, r.Entity, string.Join(' ', r.Values.Select(v => $"{v.Key}={v.Value}")))));
        Assert.Equal(2, (await Store.ReadClusterAsync()).Configs.Count);
        Assert.Equal(CatalogError.None, (await Store.SetConfigsAsync(new ConfigRecord("broker", "", NoConfigs), "dave", other)).Error);
        Assert.Equal("group", Assert.Single(await Store.ListConfigsAsync()).Kind);
        IReadOnlyList<MetadataLogEntry> log = await Store.ReadLogAsync(0, 100);
        // What changes nothing is not logged.
        Assert.Equal(["alice", "bob", "carol", "dave"], log.Where(e => e.Kind == "configs.set").Select(e => e.Principal));
    }

    [Fact]
    public async Task Streams_are_measured_by_what_their_committed_ranges_hold()
    {
        StreamId id = await CreateAsync();
        StreamId empty = await CreateAsync();
        RangeCommit range = Range(id, 0, 10);
        await CommitAsync(range);
        await CommitAsync(Range(id, 10, 20));
        IReadOnlyDictionary<StreamId, long> sizes = await Store.MeasureStreamsAsync([id, empty, new StreamId(999)]);
        Assert.Equal(2 * range.Bytes, sizes[id]);
        Assert.False(sizes.ContainsKey(empty));
    }

    [Fact]
    public async Task The_cluster_id_is_made_once_and_producer_ids_are_never_given_twice()
    {
        string id = await Store.GetClusterIdAsync();
        Assert.Equal(22, id.Length);
        Assert.Equal(id, await Store.GetClusterIdAsync());
        long first = await Store.AllocateProducerIdsAsync(1000);
        Assert.Equal(first + 1000, await Store.AllocateProducerIdsAsync(1));
    }
}
