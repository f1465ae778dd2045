using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Tests.Support;

namespace PipeRoll.Streams.Tests.Compaction;

/// <summary>Objects are rewritten while streams are read, trimmed, compacted by key, and moved.</summary>
public sealed class ObjectCompactorTests
{
    private static readonly StreamStorageOptions Options = ClusterHarness.Options with { CompactionMergeMin = 4, StreamObjectBytes = 5000 };

    [Fact]
    public async Task Many_small_objects_become_few_and_every_batch_stays_as_it_was()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync(Options, isCleaner: true);
        TestBroker reader = await cluster.AddAsync(Options);
        IStream busy = await cluster.CreateAsync(a);
        IStream quiet = await cluster.CreateAsync(a);
        await UploadManyAsync(a, 12, busy, quiet, bytes: 900);
        byte[] busyBefore = await busy.ReadAllAsync(0);
        Assert.Equal(12, await CommittedObjectsAsync(cluster));

        await CompactAllAsync(cluster, a);
        // The busy stream has an object of its own, the quiet one shares.
        Assert.Equal(2, await CommittedObjectsAsync(cluster));
        Assert.Single(await cluster.Metadata.ListRangesAsync(busy.Id, 0, 100));
        await DeleteDueAsync(cluster, a);
        busy = await cluster.MoveAsync(busy, a, reader);
        quiet = await cluster.MoveAsync(quiet, a, reader);
        Assert.Equal(busyBefore, await busy.ReadAllAsync(0));
        Assert.Equal(Batches.ExpectedRange(quiet.Id, 0, 12, 1, 100), await quiet.ReadAllAsync(0));
        Assert.True((await StorageAudit.RunAsync(cluster.Objects, cluster.Metadata)).IsClean);
        Assert.False(await a.Storage.CompactNowAsync());
    }

    [Fact]
    public async Task Another_brokers_reader_finds_its_batches_where_they_went()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync(Options, isCleaner: true);
        TestBroker b = await cluster.AddAsync(Options);
        IStream busy = await cluster.CreateAsync(a);
        IStream quiet = await cluster.CreateAsync(a);
        await UploadManyAsync(a, 12, busy, quiet, bytes: 900);
        IStream moved = await cluster.MoveAsync(quiet, a, b);
        using FetchedBatches first = await moved.FetchAsync(0, 1);
        await CompactAllAsync(cluster, a);
        await DeleteDueAsync(cluster, a);
        Assert.Equal(Batches.ExpectedRange(quiet.Id, 0, 12, 1, 100), await moved.ReadAllAsync(0));
    }

    [Fact]
    public async Task The_cleaner_also_compacts_what_the_dead_have_left()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync(Options);
        TestBroker b = await cluster.AddAsync(Options, isCleaner: true);
        IStream busy = await cluster.CreateAsync(a);
        IStream quiet = await cluster.CreateAsync(a);
        await UploadManyAsync(a, 12, busy, quiet, bytes: 900);
        cluster.Time.Advance(Options.CompactionAge);
        Assert.False(await b.Storage.CompactNowAsync());
        await a.Storage.DisposeAsync();
        await cluster.FailOverAsync(a, b, busy.Id, quiet.Id);
        await CompactAllAsync(cluster, b);
        Assert.Equal(2, await CommittedObjectsAsync(cluster));
    }

    [Fact]
    public async Task What_was_trimmed_or_rewritten_meanwhile_is_left_out()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        IStream? busy = null;
        IStream? quiet = null;
        bool armed = false;
        bool meanwhile = false;
        IMetadataStore metadata = PartialFake.Of<IMetadataStore>((name, arguments) =>
        {
            object? Call() => typeof(IMetadataStore).GetInterfaces().Append(typeof(IMetadataStore))
                .Select(i => i.GetMethod(name)).First(m => m is not null)!.Invoke(cluster.Metadata, arguments);

            // The compactor has read what it will rewrite, and is about to write it.
            if (name != nameof(IMetadataStore.PrepareObjectsAsync) || !armed || meanwhile)
            {
                return Call();
            }

            meanwhile = true;
            return new ValueTask<long>(ChangeFirstAsync());

            async Task<long> ChangeFirstAsync()
            {
                await quiet!.TrimAsync(5);
                await busy!.ReplaceAsync(0, busy.CommittedOffset, One(busy.Id));
                return await (ValueTask<long>)Call()!;
            }
        });
        TestBroker a = await cluster.AddAsync(Options, metadata: metadata, isCleaner: true);
        busy = await cluster.CreateAsync(a);
        quiet = await cluster.CreateAsync(a);
        await UploadManyAsync(a, 12, busy, quiet, bytes: 900);
        cluster.Time.Advance(Options.CompactionAge);
        armed = true;
        Assert.True(await a.Storage.CompactNowAsync());
        Assert.True(meanwhile);
        Assert.Equal(Batches.ExpectedRange(quiet.Id, 5, 12, 1, 100), await quiet.ReadAllAsync(5));
        using FetchedBatches left = await busy.FetchAsync(0, 10_000);
        Assert.Equal(Batches.Expected(busy.Id, 3, 900), left.Segments[0].ToArray());
        Assert.Equal(900, left.TotalBytes);
        await DeleteDueAsync(cluster, a);
        Assert.True((await StorageAudit.RunAsync(cluster.Objects, cluster.Metadata)).IsClean);
    }

    [Fact]
    public async Task A_damaged_object_is_not_compacted_and_the_error_names_it()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync(Options, isCleaner: true);
        IStream busy = await cluster.CreateAsync(a);
        IStream quiet = await cluster.CreateAsync(a);
        await UploadManyAsync(a, 4, busy, quiet, bytes: 900);
        StoredObject victim = (await cluster.Objects.ListAsync("data/", "", 1))[0];
        byte[] bytes = new byte[victim.Bytes];
        await cluster.Objects.ReadAsync(victim.Key, 0, bytes);
        bytes[200] ^= 1;
        await cluster.Objects.PutAsync(victim.Key, [bytes]);
        cluster.Time.Advance(Options.CompactionAge);
        CorruptDataException corrupt = await Assert.ThrowsAsync<CorruptDataException>(async () => await a.Storage.CompactNowAsync());
        Assert.Contains(victim.Key, corrupt.Message, StringComparison.Ordinal);
        Assert.Equal(4, await CommittedObjectsAsync(cluster));
    }

    [Fact]
    public async Task The_budget_bounds_what_is_written_to_a_share_of_what_was_uploaded()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync(
            Options with { CompactionBytesPerSecond = 0, CompactionShare = 0.5 }, isCleaner: true);
        IStream busy = await cluster.CreateAsync(a);
        IStream quiet = await cluster.CreateAsync(a);
        await UploadManyAsync(a, 4, busy, quiet, bytes: 900);
        cluster.Time.Advance(Options.CompactionAge);
        Assert.False(await a.Storage.CompactNowAsync());
        await busy.AppendAsync(1, bytes: 20_000);
        await a.Storage.UploadNowAsync();
        Assert.True(await a.Storage.CompactNowAsync());
    }

    private static async Task UploadManyAsync(TestBroker broker, int uploads, IStream busy, IStream quiet, int bytes)
    {
        for (int i = 0; i < uploads; i++)
        {
            await busy.AppendAsync(1, bytes);
            await quiet.AppendAsync(1);
            await broker.Storage.UploadNowAsync();
        }

    }

    private static async Task CompactAllAsync(ClusterHarness cluster, TestBroker broker)
    {
        do
        {
            cluster.Time.Advance(Options.CompactionAge);
        }
        while (await broker.Storage.CompactNowAsync());
    }

    private static async Task DeleteDueAsync(ClusterHarness cluster, TestBroker broker)
    {
        cluster.Time.Advance(Options.ReadGrace + Options.PreparedTimeToLive);
        await broker.Storage.CleanNowAsync();
    }

    private static async Task<int> CommittedObjectsAsync(ClusterHarness cluster) =>
        (await cluster.Metadata.ListObjectsAsync(0, 1000)).Count(o => o.State == ObjectState.Committed);

    private static async IAsyncEnumerable<StreamBatch> One(StreamId id)
    {
        await Task.Yield();
        yield return new StreamBatch(3, 1, 0, Batches.Expected(id, 3, 900), null);
    }
}
