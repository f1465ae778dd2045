using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Tests.Support;
using PipeRoll.Streams.Wal.Objects;

namespace PipeRoll.Streams.Tests.Cluster;

public sealed class StorageAuditTests
{
    [Fact]
    public async Task Logs_in_use_are_in_order_and_what_nobody_needs_of_them_is_told()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync(isCleaner: true);
        IStream stream = await cluster.CreateAsync(a);
        await stream.AppendAsync(1);
        StorageAuditReport live = await StorageAudit.RunAsync(cluster.Objects, cluster.Metadata);
        Assert.True(live.IsClean);
        Assert.Equal((1, 0), (live.LogObjects, live.DeadLogObjects));
        Assert.True(live.LogBytes > 100);

        // Above the fence, then of a log that is gone, then of one that was forgotten. A fence put ahead of the writer ends nothing.
        await a.Storage.DisposeAsync();
        await cluster.FenceAsync(a, b);
        await cluster.Objects.PutAsync($"wal/{a.Epoch.Value:x16}/{2:x16}", [ObjectWalFormat.Fence(a.Epoch, 2, b.Epoch)]);
        await cluster.Objects.PutAsync($"wal/{a.Epoch.Value:x16}/{3:x16}", [new byte[200]]);
        await cluster.Objects.PutAsync($"wal/{a.Epoch.Value:x16}/{0x42:x16}", [ObjectWalFormat.Fence(a.Epoch, 0x42, b.Epoch)]);
        StorageAuditReport fenced = await StorageAudit.RunAsync(cluster.Objects, cluster.Metadata);
        Assert.Equal((3, 1), (fenced.LogObjects, fenced.DeadLogObjects));
        await b.Storage.RecoverAsync(a.Epoch);
        await cluster.Metadata.FinishRecoveryAsync(a.Epoch, b.Epoch);
        StorageAuditReport gone = await StorageAudit.RunAsync(cluster.Objects, cluster.Metadata);
        Assert.True(gone.IsClean);
        Assert.Equal((3, 2), (gone.LogObjects, gone.DeadLogObjects));
        Assert.Equal(1, gone.Objects);

        cluster.Time.Advance(ClusterHarness.Options.GoneBrokerGrace);
        await b.Storage.CleanNowAsync();
        Assert.True((await StorageAudit.RunAsync(cluster.Objects, cluster.Metadata)).IsClean);
        await cluster.Objects.PutAsync($"wal/{a.Epoch.Value:x16}/{1:x16}", [new byte[200]]);
        await cluster.Objects.PutAsync("wal/stray", [new byte[1]]);
        StorageAuditReport late = await StorageAudit.RunAsync(cluster.Objects, cluster.Metadata);
        Assert.Equal([$"wal/{a.Epoch.Value:x16}/{1:x16}", "wal/stray"], late.Orphans);
        Assert.Equal([200, 1], late.OrphanDetails.Select(o => (int)o.Bytes));
    }

    [Fact]
    public async Task What_is_lost_is_told_by_its_offsets_and_never_repaired()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        IStream stream = await cluster.CreateAsync(a);
        await stream.AppendAsync(3);
        await a.Storage.UploadNowAsync();
        await stream.AppendAsync(4);
        await a.Storage.UploadNowAsync();
        IReadOnlyList<StoredObject> stored = await cluster.Objects.ListAsync("data/", "", 10);
        await cluster.Objects.DeleteAsync([stored[0].Key]);
        await cluster.Objects.PutAsync(stored[1].Key, [new byte[5]]);
        await cluster.Objects.PutAsync("data/00/00000000000f4200.obj", [new byte[7]]);

        StorageRepairReport repair = await StorageAudit.RepairAsync(cluster.Objects, cluster.Metadata, TimeSpan.Zero, cluster.Time);
        Assert.Equal([stored[0].Key, stored[1].Key], repair.Report.Missing);
        Assert.Contains($"[0, 3) of stream {stream.Id}", repair.Report.MissingDetails[0].ToString(), StringComparison.Ordinal);
        Assert.Contains("has 5 bytes", repair.Report.MissingDetails[1].ToString(), StringComparison.Ordinal);
        Assert.Equal(["data/00/00000000000f4200.obj"], repair.Deleted);
        StorageAuditReport after = await StorageAudit.RunAsync(cluster.Objects, cluster.Metadata);
        Assert.Empty(after.Orphans);
        Assert.Equal(2, after.Missing.Count);
        Assert.Equal(5, (await cluster.Objects.ListAsync(stored[1].Key, "", 1))[0].Bytes);
    }

    [Fact]
    public async Task Orphans_are_deleted_only_when_they_are_old_enough_and_what_is_prepared_never()
    {
        using var folder = new TestFolder();
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        var disk = new DiskObjectStore(folder.Path);
        long prepared = await cluster.Metadata.PrepareObjectsAsync(1, TimeSpan.FromHours(1));
        await disk.PutAsync(ObjectKeys.ForData(prepared), [new byte[3]]);
        await disk.PutAsync("data/stray", [new byte[3]]);
        TimeSpan grace = TimeSpan.FromHours(1);
        StorageRepairReport young = await StorageAudit.RepairAsync(disk, cluster.Metadata, grace, TimeProvider.System);
        Assert.Equal(["data/stray"], young.TooYoung);
        Assert.Empty(young.Deleted);
        File.SetLastWriteTimeUtc(Path.Combine(folder.Path, "data/stray"), DateTime.UnixEpoch);
        StorageRepairReport old = await StorageAudit.RepairAsync(disk, cluster.Metadata, grace, TimeProvider.System);
        Assert.Equal(["data/stray"], old.Deleted);
        Assert.Equal(1, old.Report.PassingObjects);
        Assert.Single(await disk.ListAsync("", "", 10));
    }
}
