using PipeRoll.Simulation.Engine;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Wal;

namespace PipeRoll.Simulation.Faults;

public sealed class FaultTests
{
    [Fact]
    public void Synced_bytes_survive_a_power_loss_and_unsynced_ones_by_sectors()
    {
        var survivors = new HashSet<int>();
        for (int seed = 1; seed <= 200; seed++)
        {
            SimulatedWorld.Run(seed, async world =>
            {
                var disk = new SimulatedDisk(world, DiskFaults.None);
                IWalSegment segment = await disk.Connect(world.Driver).CreateSegmentAsync(8192);
                await segment.WriteAsync(0, [Filled(1, 1024)]);
                await segment.SyncAsync();
                await segment.WriteAsync(512, [Filled(2, 600), Filled(3, 424)]);
                disk.Crash(CrashKind.Power);
                byte[] read = await ReadAsync(segment, 2048);
                Assert.Equal(Filled(1, 512), read[..512]);
                Assert.True(read[512..1024].All(static b => b == 1) || read[512..1024].All(static b => b == 2), "a sector is torn");
                Assert.All(read[1536..], static b => Assert.Equal(0, b));
                survivors.Add((read[512] == 2 ? 1 : 0) + (read[1024] == 2 ? 2 : 0));
            });
        }

        Assert.Equal([0, 1, 2, 3], survivors.Order());
    }

    [Fact]
    public void A_killed_process_leaves_what_it_wrote_in_the_page_cache()
    {
        SimulatedWorld.Run(1, async world =>
        {
            var disk = new SimulatedDisk(world, DiskFaults.None);
            IWalSegment segment = await disk.Connect(world.Driver).CreateSegmentAsync(4096);
            await segment.WriteAsync(0, [Filled(7, 700)]);
            disk.Crash(CrashKind.Process);
            Assert.Equal(Filled(7, 700), await ReadAsync(segment, 700));
            disk.Crash(CrashKind.Power);
        });
    }

    [Fact]
    public void A_write_cut_short_by_death_leaves_a_beginning()
    {
        var lengths = new HashSet<int>();
        for (int seed = 1; seed <= 200; seed++)
        {
            SimulatedWorld.Run(seed, async world =>
            {
                var disk = new SimulatedDisk(world, DiskFaults.None);
                IWalSegment segment = await disk.Connect(world.Driver).CreateSegmentAsync(4096);
                SimulatedProcess writer = world.StartProcess("writer");
                IWalSegment own = (await disk.Connect(writer).OpenAsync())[0];
                writer.KillAfterSteps(1);
                _ = writer.Run(async () => await own.WriteAsync(0, [Filled(9, 2048)]));
                await writer.Ended;
                disk.Crash(CrashKind.Process);
                byte[] read = await ReadAsync(segment, 4096);
                lengths.Add(read.Count(static b => b == 9));
                Assert.All(read[..read.Count(static b => b == 9)], static b => Assert.Equal(9, b));
            });
        }

        Assert.Equal([0, 512, 1024, 1536, 2048], lengths.Order());
    }

    [Fact]
    public void A_failed_sync_makes_bytes_readable_that_power_loss_takes()
    {
        SimulatedWorld.Run(4, async world =>
        {
            var disk = new SimulatedDisk(world, DiskFaults.None with { FailedSync = 1 });
            IWalSegment segment = await disk.Connect(world.Driver).CreateSegmentAsync(4096);
            await segment.WriteAsync(0, [Filled(5, 512)]);
            await Assert.ThrowsAsync<IOException>(async () => await segment.SyncAsync());
            disk.Faults = DiskFaults.None;
            IWalSegment again = (await disk.Connect(world.Driver).OpenAsync())[0];
            Assert.Equal(Filled(5, 512), await ReadAsync(again, 512));
            await again.SyncAsync();
            disk.Crash(CrashKind.Power);
            Assert.Equal(new byte[512], await ReadAsync(again, 512));
        });
    }

    [Fact]
    public void A_full_device_refuses_a_segment()
    {
        SimulatedWorld.Run(5, async world =>
        {
            var disk = new SimulatedDisk(world, DiskFaults.None with { CapacityBytes = 10_000 });
            IWalDevice device = disk.Connect(world.Driver);
            await device.CreateSegmentAsync(8192);
            await Assert.ThrowsAsync<IOException>(async () => await device.CreateSegmentAsync(8192));
            Assert.Equal(1, disk.SegmentCount);
        });
    }

    [Fact]
    public void A_failed_put_has_happened_or_not_and_a_dead_sender_changes_nothing_about_it()
    {
        var outcomes = new HashSet<(bool Failed, bool Stored)>();
        int afterDeath = 0;
        for (int seed = 1; seed <= 200; seed++)
        {
            SimulatedWorld.Run(seed, async world =>
            {
                var bucket = new SimulatedBucket(world, new StoreFaults { ErrorBefore = 0.3, ErrorAfter = 0.3 });
                bool failed = false;
                try
                {
                    await bucket.Connect().PutAsync("a/b", [Filled(1, 10), Filled(2, 5)]);
                }
                catch (ObjectStoreException error) when (error.Transient)
                {
                    failed = true;
                }

                outcomes.Add((failed, bucket.Keys.Count == 1));
                bucket.Faults = StoreFaults.None;
                SimulatedProcess sender = world.StartProcess("sender");
                sender.KillAfterSteps(1);
                _ = sender.Run(async () => await bucket.Connect().PutAsync("late", [Filled(3, 3)]));
                await sender.Ended;
                afterDeath += bucket.Keys.Contains("late") ? 0 : 1;
                await Task.Delay(TimeSpan.FromSeconds(1), world.Driver.Time);
                Assert.Contains("late", bucket.Keys);
            });
        }

        Assert.Equal([(false, true), (true, false), (true, true)], outcomes.Order());
        Assert.InRange(afterDeath, 150, 200);
    }

    [Fact]
    public void Reads_and_listings_are_exact()
    {
        SimulatedWorld.Run(6, async world =>
        {
            IObjectStore store = new SimulatedBucket(world, StoreFaults.None).Connect();
            await store.PutAsync("x/2", [Filled(1, 4), Filled(2, 4)]);
            await store.PutAsync("x/1", [Filled(9, 1)]);
            await store.PutAsync("y/1", []);
            var destination = new byte[5];
            Assert.Equal(5, await store.ReadAsync("x/2", 2, destination));
            Assert.Equal([1, 1, 2, 2, 2], destination);
            Assert.Equal(1, await store.ReadAsync("x/2", 7, destination));
            Assert.Equal([new StoredObject("x/1", 1), new StoredObject("x/2", 8)], await store.ListAsync("x/", "", 10));
            Assert.Equal([new StoredObject("x/2", 8)], await store.ListAsync("x/", "x/1", 10));
            var missing = await Assert.ThrowsAsync<ObjectStoreException>(async () => await store.ReadAsync("no", 0, destination));
            Assert.Equal(ObjectStoreErrorKind.NotFound, missing.Kind);
            var exists = await Assert.ThrowsAsync<ObjectStoreException>(
                async () => await store.PutAsync("x/1", [], PutCondition.IfAbsent));
            Assert.Equal(ObjectStoreErrorKind.AlreadyExists, exists.Kind);
            await using (IObjectUpload upload = await store.BeginUploadAsync("big"))
            {
                await upload.AppendAsync([Filled(1, 2)]);
                await upload.AppendAsync([Filled(2, 2)]);
                Assert.Empty(await store.ListAsync("big", "", 1));
                await upload.CompleteAsync();
            }

            Assert.Equal([new StoredObject("big", 4)], await store.ListAsync("big", "", 1));
            await store.DeleteAsync(["big", "never"]);
            Assert.Empty(await store.ListAsync("big", "", 1));
        });
    }

    [Fact]
    public void A_storm_refuses_most_requests_and_passes()
    {
        SimulatedWorld.Run(7, async world =>
        {
            var bucket = new SimulatedBucket(world, StoreFaults.None);
            bucket.StartStorm(TimeSpan.FromMinutes(1));
            int refused = 0;
            for (int i = 0; i < 50; i++)
            {
                try
                {
                    await bucket.Connect().ListAsync("", "", 1);
                }
                catch (ObjectStoreException)
                {
                    refused++;
                }
            }

            Assert.InRange(refused, 35, 50);
            await Task.Delay(TimeSpan.FromMinutes(1), world.Driver.Time);
            await bucket.Connect().ListAsync("", "", 1);
        });
    }

    private static byte[] Filled(byte value, int length) => [.. Enumerable.Repeat(value, length)];

    private static async Task<byte[]> ReadAsync(IWalSegment segment, int length)
    {
        var bytes = new byte[length];
        Assert.Equal(length, await segment.ReadAsync(0, bytes));
        return bytes;
    }
}
