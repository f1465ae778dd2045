using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Tests.Support;

namespace PipeRoll.Streams.Tests.Cluster;

/// <summary>Brokers that die, and brokers that only seem dead.</summary>
public sealed class RecoveryTests
{
    [Fact]
    public async Task A_survivor_commits_what_the_dead_broker_acknowledged_and_takes_its_streams()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync();
        IStream stream = await cluster.CreateAsync(a);
        await stream.AppendAsync(2);
        await a.Storage.UploadNowAsync();
        await stream.AppendAsync(3);
        await a.Storage.DisposeAsync();

        PartitionPlacement placed = Assert.Single(await cluster.FailOverAsync(a, b, stream.Id));
        Assert.Equal(1, placed.Epoch);
        IStream taken = await b.Storage.OpenAsync(stream.Id, placed.Epoch, null);
        Assert.Equal((5L, 5L), (taken.NextOffset, taken.CommittedOffset));
        byte[] all = await taken.ReadAllAsync(0);
        Assert.Equal([.. Batches.Expected(stream.Id, 0, 100), .. Batches.Expected(stream.Id, 2, 100)], all);
        await taken.AppendAsync(1);
        Assert.True(await b.Storage.UploadNowAsync());
        await b.Storage.RecoverAsync(a.Epoch); // it is gone: nothing is left to do
    }

    [Fact]
    public async Task A_zombie_acknowledges_nothing_after_its_recovery_and_is_told_to_end()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync();
        IStream stream = await cluster.CreateAsync(a);
        await stream.AppendAsync(2);
        PartitionPlacement placed = Assert.Single(await cluster.FailOverAsync(a, b, stream.Id));
        IStream taken = await b.Storage.OpenAsync(stream.Id, placed.Epoch, null);

        await Assert.ThrowsAsync<StreamUnavailableException>(() => stream.AppendAsync());
        Assert.IsType<BrokerFencedException>(await a.Fatal.Task);
        Assert.IsType<BrokerFencedException>(a.Storage.Health.Fatal);
        await Assert.ThrowsAsync<StreamUnavailableException>(() => stream.AppendAsync());
        await Assert.ThrowsAsync<StreamUnavailableException>(async () => await a.Storage.OpenAsync(stream.Id, placed.Epoch, null));
        Assert.Equal(2, taken.NextOffset);
    }

    [Fact]
    public async Task A_zombie_that_writes_nothing_finds_its_fence_when_it_looks_for_it()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync();
        IStream stream = await cluster.CreateAsync(a);
        await stream.AppendAsync(2);
        await a.Storage.LookForFenceAsync();
        await stream.AppendAsync(1);
        await a.Storage.LookForFenceAsync();
        Assert.False(a.Fatal.Task.IsCompleted);

        await cluster.FailOverAsync(a, b, stream.Id);
        await b.Storage.LookForFenceAsync();
        Assert.False(a.Fatal.Task.IsCompleted || b.Fatal.Task.IsCompleted);
        await a.Storage.LookForFenceAsync();
        Assert.IsType<BrokerFencedException>(await a.Fatal.Task);
        await Assert.ThrowsAsync<StreamUnavailableException>(async () => await stream.ReadAllAsync(0));
        await a.Storage.LookForFenceAsync();
    }

    [Fact]
    public async Task A_zombie_that_uploads_commits_nothing_and_is_told_to_end()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync(ClusterHarness.Options with { UploadAge = TimeSpan.FromHours(1) });
        TestBroker b = await cluster.AddAsync();
        IStream stream = await cluster.CreateAsync(a);
        await stream.AppendAsync(2);
        await cluster.FenceAsync(a, b);
        a.Storage.Cache.Wake(force: true);
        Assert.IsType<BrokerFencedException>(await a.Fatal.Task);
        Assert.Equal(0, (await cluster.StateAsync(stream.Id)).CommittedOffset);
        await Assert.ThrowsAsync<StreamUnavailableException>(() => stream.AppendAsync());
        await b.Storage.RecoverAsync(a.Epoch);
        Assert.Equal(2, (await cluster.StateAsync(stream.Id)).CommittedOffset);
    }

    [Fact]
    public async Task A_tail_whose_former_owner_dies_before_it_is_uploaded_comes_by_its_recovery()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync();
        TestBroker c = await cluster.AddAsync();
        IStream old = await cluster.CreateAsync(a);
        await old.AppendAsync(1);
        IStream moved = await cluster.MoveAsync(old, a, b, release: false);
        await moved.AppendAsync(1);
        Task<byte[]> read = moved.ReadAllAsync(0);
        await a.Storage.DisposeAsync();
        await cluster.FailOverAsync(a, c);
        Assert.Equal(Batches.ExpectedRange(old.Id, 0, 2, 1, 100), await read);
    }

    [Fact]
    public async Task Two_dead_logs_that_wait_for_each_other_are_recovered_in_any_order()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync();
        TestBroker c = await cluster.AddAsync();
        IStream one = await cluster.CreateAsync(a);
        await one.AppendAsync(1);
        IStream two = await cluster.MoveAsync(one, a, b, release: false);
        await two.AppendAsync(1);
        IStream three = await cluster.MoveAsync(two, b, a, release: false);
        await three.AppendAsync(1);
        await a.Storage.DisposeAsync();
        await b.Storage.DisposeAsync();

        await cluster.FenceAsync(b, c);
        Task recoverB = c.Storage.RecoverAsync(b.Epoch).AsTask();
        ControllerTerm term = (await cluster.Metadata.ReadClusterAsync()).Controller;
        cluster.Time.Advance(TimeSpan.FromSeconds(31));
        await cluster.Metadata.HeartbeatAsync(new HeartbeatRequest(c.Epoch, default, TimeSpan.FromHours(1), true));
        term = (await cluster.Metadata.ReadClusterAsync()).Controller;
        await cluster.Metadata.FenceExpiredAsync(term);
        Assert.True(await cluster.Metadata.AssignRecoveryAsync(term, a.Epoch, c.Epoch));
        await c.Storage.RecoverAsync(a.Epoch);
        await recoverB;
        Assert.Equal(3, (await cluster.StateAsync(one.Id)).CommittedOffset);
    }

    [Fact]
    public async Task The_log_of_a_broker_that_is_gone_is_deleted_after_its_grace_all_but_the_fence()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync(isCleaner: true);
        IStream stream = await cluster.CreateAsync(a);
        await stream.AppendAsync(1);
        await a.Storage.DisposeAsync();
        await cluster.FailOverAsync(a, b, stream.Id);
        await b.Storage.CleanNowAsync();
        Assert.Contains(await cluster.Metadata.ReadBrokersAsync(), r => r.Epoch == a.Epoch);
        cluster.Time.Advance(ClusterHarness.Options.GoneBrokerGrace);
        await b.Storage.CleanNowAsync();
        Assert.DoesNotContain(await cluster.Metadata.ReadBrokersAsync(), r => r.Epoch == a.Epoch);
        Assert.Equal(64, Assert.Single(await cluster.Objects.ListAsync($"wal/{a.Epoch.Value:x16}/", "", 10)).Bytes);
    }

    [Fact]
    public async Task Doomed_streams_are_forgotten_by_their_owner_first_and_by_the_cleaner_when_nobody_holds_them()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync(isCleaner: true);
        IReadOnlyList<StreamId> ids = await cluster.CreateAsync("doomed", a.Epoch, a.Epoch);
        IStream held = await a.Storage.OpenAsync(ids[0], 0, null);
        await held.AppendAsync(1);
        await cluster.Metadata.DeleteTopicAsync("doomed", "test");
        await b.Storage.CleanNowAsync();
        Assert.Equal(2, (await cluster.Metadata.ListDoomedStreamsAsync(10)).Count);
        await a.Storage.CleanNowAsync();
        Assert.Equal([ids[1]], await cluster.Metadata.ListDoomedStreamsAsync(10));
        Assert.Equal(0, a.Storage.Cache.TotalBytes);
        await b.Storage.CleanNowAsync();
        Assert.Empty(await cluster.Metadata.ListDoomedStreamsAsync(10));
    }
}
