using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.StoreDouble;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Stores.S3;

namespace PipeRoll.Streams.Tests.Stores.S3;

/// <summary>
/// Every failure of a store as callers see it, and that storms lose nothing. A double causes what a real store only does on a bad day.
/// </summary>
public sealed class S3FailureTests : IAsyncLifetime
{
    private const int MiB = 1024 * 1024;
    private StoreDoubleServer _double = null!;
    private S3ObjectStore _store = null!;

    public async ValueTask InitializeAsync()
    {
        _double = await StoreDoubleServer.StartAsync();
        _store = new S3ObjectStore(Options(_double.Endpoint), TimeProvider.System);
    }

    public async ValueTask DisposeAsync()
    {
        _store.Dispose();
        await _double.DisposeAsync();
    }

    public static TheoryData<string, FaultPlan, ObjectStoreErrorKind, string> Failures => new()
    {
        { "overload", new FaultPlan { Unavailable = 1 }, ObjectStoreErrorKind.Transient, "503 SlowDown" },
        { "failure", new FaultPlan { FailBefore = 1 }, ObjectStoreErrorKind.Transient, "500 InternalError" },
        { "failure with effect", new FaultPlan { FailAfter = 1 }, ObjectStoreErrorKind.Transient, "500 InternalError" },
        { "hanging", new FaultPlan { HangBefore = 1 }, ObjectStoreErrorKind.Transient, "no answer within" },
        { "hanging with effect", new FaultPlan { HangAfter = 1 }, ObjectStoreErrorKind.Transient, "it may have taken effect" },
        { "no rights", new FaultPlan { Refuse = 403 }, ObjectStoreErrorKind.Refused, "check the access key" },
        { "full", new FaultPlan { Refuse = 507 }, ObjectStoreErrorKind.Refused, "make room or raise the quota" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task A_failed_create_is_what_its_kind_says(string name, FaultPlan plan, ObjectStoreErrorKind kind, string message)
    {
        TimeSpan timeout = name.StartsWith("hanging", StringComparison.Ordinal) ? TimeSpan.FromMilliseconds(300) : TimeSpan.FromSeconds(60);
        using var store = new S3ObjectStore(Options(_double.Endpoint) with { AttemptTimeout = timeout }, TimeProvider.System);
        _double.Faults = plan;
        async Task CreateAsync() => await store.PutAsync("wal/1", [new byte[] { 1 }], PutCondition.IfAbsent);
        var failed = await Assert.ThrowsAsync<ObjectStoreException>(CreateAsync);
        Assert.Equal(kind, failed.Kind);
        Assert.Contains(message, failed.Message);
        Assert.Contains("put wal/1", failed.Message);
        Assert.Equal(name == "overload", failed.Overloaded);

        _double.Faults = new FaultPlan();
        bool tookEffect = (await store.ListAsync("wal/", "", 10)).Count == 1;
        Assert.Equal(name.EndsWith("effect", StringComparison.Ordinal), tookEffect);
        if (tookEffect)
        {
            // Whoever tries again reads back what is there.
            var exists = await Assert.ThrowsAsync<ObjectStoreException>(CreateAsync);
            Assert.Equal(ObjectStoreErrorKind.AlreadyExists, exists.Kind);
        }
    }

    [Fact]
    public async Task A_store_that_is_away_is_transient()
    {
        await using StoreDoubleServer gone = await StoreDoubleServer.StartAsync();
        using var store = new S3ObjectStore(Options(gone.Endpoint), TimeProvider.System);
        await store.PutAsync("a", [new byte[1]]);
        await gone.DisposeAsync();
        var failed = await Assert.ThrowsAsync<ObjectStoreException>(async () => await store.PutAsync("b", [new byte[1]]));
        Assert.Equal(ObjectStoreErrorKind.Transient, failed.Kind);
        Assert.Contains("no answer", failed.Message);
    }

    [Fact]
    public async Task Only_the_prefix_that_is_told_meets_with_failures()
    {
        _double.Faults = new FaultPlan { Unavailable = 1, Prefix = "wal/" };
        await _store.PutAsync("data/1", [new byte[1]]);
        await Assert.ThrowsAsync<ObjectStoreException>(async () => await _store.PutAsync("wal/1", [new byte[1]]));
    }

    [Fact]
    public async Task A_storm_of_every_failure_slows_and_loses_nothing()
    {
        _double.Faults = new FaultPlan { Unavailable = 0.4, FailBefore = 0.05, FailAfter = 0.05 };
        BudgetedObjectStore store = Budgeted(_store);
        byte[] large = RandomBytes(12 * MiB);
        Task upload = UploadAsync(store.For(StorePriority.Compaction), large);
        int[] won = await Task.WhenAll(Enumerable.Range(0, 100).Select(async i =>
        {
            byte[] content = [(byte)i, 7];
            return await CreateAsync(store.For(StorePriority.WriteAheadLog), $"wal/{i:x4}", content);
        }));
        Assert.All(won, w => Assert.Equal(1, w));
        await upload;
        IObjectStore reader = store.For(StorePriority.ColdRead);
        Assert.Equal(100, (await reader.ListAsync("wal/", "", 1000)).Count);
        byte[] read = new byte[large.Length];
        Assert.Equal(read.Length, await reader.ReadAsync("data/large", 0, read));
        Assert.True(large.AsSpan().SequenceEqual(read));
        await store.For(StorePriority.Delete).DeleteAsync([.. Enumerable.Range(0, 100).Select(i => $"wal/{i:x4}")]);
        Assert.Empty(await reader.ListAsync("wal/", "", 10));
        Assert.Contains(_double.Statistics().Requests, r => r is { Verb: "put", Prefix: "wal/", Status: 503 });
    }

    [Fact]
    public async Task A_full_store_holds_the_log_up_until_there_is_room_again()
    {
        _double.Faults = new FaultPlan { Refuse = 507 };
        Task put = Budgeted(_store).For(StorePriority.WriteAheadLog).PutAsync("wal/1", [new byte[1]], PutCondition.IfAbsent).AsTask();
        while (_double.Statistics().Requests.Sum(r => r.Count) < 5)
        {
            await Task.Yield();
        }

        Assert.False(put.IsCompleted);
        _double.Faults = new FaultPlan();
        await put;
    }

    [Fact]
    public async Task An_upload_whose_completion_lost_its_answer_is_complete()
    {
        // Two whole parts, both sent by the second append: what is left is the completion.
        byte[] content = RandomBytes(10 * MiB);
        await using IObjectUpload upload = await _store.BeginUploadAsync("data/1");
        await upload.AppendAsync([content]);
        await upload.AppendAsync([]);
        _double.Faults = new FaultPlan { FailAfter = 1 };
        var lost = await Assert.ThrowsAsync<ObjectStoreException>(async () => await upload.CompleteAsync());
        Assert.True(lost.Transient);
        _double.Faults = new FaultPlan();
        await upload.CompleteAsync();
        Assert.Equal([new StoredObject("data/1", content.Length)], await _store.ListAsync("", "", 10));
    }

    [Fact]
    public async Task An_upload_that_somebody_ended_must_be_made_anew()
    {
        await using IObjectUpload upload = await _store.BeginUploadAsync("data/1");
        await upload.AppendAsync([new byte[11 * MiB]]);
        await upload.AppendAsync([new byte[] { 9 }]);
        await _store.S3.AbortMultipartUploadAsync(_store.Options.Bucket, "data/1", "upload0");
        var ended = await Assert.ThrowsAsync<ObjectStoreException>(async () => await upload.CompleteAsync());
        Assert.Equal(ObjectStoreErrorKind.Permanent, ended.Kind);
    }

    private static async Task UploadAsync(IObjectStore store, byte[] content)
    {
        await using IObjectUpload upload = await store.BeginUploadAsync("data/large");
        foreach (byte[] part in content.Chunk(MiB))
        {
            await upload.AppendAsync([part]);
        }

        await upload.CompleteAsync();
    }

    /// <summary>As the log does it: what exists already is ours when it has our bytes.</summary>
    /// <returns>1 when it is.</returns>
    private static async Task<int> CreateAsync(IObjectStore store, string key, byte[] content)
    {
        try
        {
            await store.PutAsync(key, [content], PutCondition.IfAbsent);
            return 1;
        }
        catch (ObjectStoreException exists) when (exists.Kind == ObjectStoreErrorKind.AlreadyExists)
        {
            byte[] stored = new byte[content.Length + 1];
            int count = await store.ReadAsync(key, 0, stored);
            return stored.AsSpan(0, count).SequenceEqual(content) ? 1 : 0;
        }
    }

    private static S3StoreOptions Options(string endpoint) => new()
    {
        Endpoint = endpoint,
        Bucket = "bucket",
        AccessKey = "any",
        SecretKey = "any",
        PartBytes = 5 * MiB,
        AttemptTimeout = TimeSpan.FromSeconds(60),
    };

    private static byte[] RandomBytes(int count)
    {
        byte[] bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }

    private static BudgetedObjectStore Budgeted(IObjectStore inner) => new(
        inner, new StreamStorageOptions { StoreRetryDelay = TimeSpan.FromMilliseconds(1), StoreRetryDelayMax = TimeSpan.FromMilliseconds(20) },
        TimeProvider.System, new Random(1), new StreamMetrics(), NullLogger.Instance);
}
