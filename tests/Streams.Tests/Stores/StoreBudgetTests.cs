using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams.Tests.Stores;

public sealed class StoreBudgetTests
{
    [Fact]
    public async Task Who_waits_is_let_in_by_priority_then_in_order()
    {
        var budget = new StoreBudget(1, 1000);
        await budget.EnterAsync(StorePriority.Delete, 1, CancellationToken.None);
        var order = new List<string>();
        var tasks = new List<Task>();
        foreach (StorePriority priority in new[] { StorePriority.Delete, StorePriority.ColdRead, StorePriority.WriteAheadLog, StorePriority.ColdRead, StorePriority.Commit })
        {
            string name = $"{priority}{tasks.Count}";
            tasks.Add(EnterAsync(budget, priority, name, order));
        }

        budget.Exit(1);
        await Task.WhenAll(tasks);
        Assert.Equal(["WriteAheadLog2", "Commit4", "ColdRead1", "ColdRead3", "Delete0"], order);
    }

    [Fact]
    public async Task Bytes_are_bounded_but_one_oversized_request_passes_alone()
    {
        var budget = new StoreBudget(10, 100);
        await budget.EnterAsync(StorePriority.Commit, 60, CancellationToken.None);
        Task second = budget.EnterAsync(StorePriority.Commit, 60, CancellationToken.None).AsTask();
        Task huge = budget.EnterAsync(StorePriority.Commit, 5000, CancellationToken.None).AsTask();
        Assert.False(second.IsCompleted);
        budget.Exit(60);
        await second;
        Assert.False(huge.IsCompleted);
        budget.Exit(60);
        await huge;
    }

    [Fact]
    public async Task Who_gives_up_waiting_does_not_hold_up_the_others()
    {
        var budget = new StoreBudget(10, 100);
        await budget.EnterAsync(StorePriority.Commit, 60, CancellationToken.None);
        using var giveUp = new CancellationTokenSource();
        Task large = budget.EnterAsync(StorePriority.Commit, 100, giveUp.Token).AsTask();
        Task small = budget.EnterAsync(StorePriority.Delete, 10, CancellationToken.None).AsTask();
        Assert.False(small.IsCompleted);
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
        await small;
    }

    [Fact]
    public async Task A_storm_of_transient_failures_is_sat_out_and_permanent_ones_are_not()
    {
        var options = new StreamStorageOptions { StoreRetryDelay = TimeSpan.FromMilliseconds(1), StoreRetryDelayMax = TimeSpan.FromMilliseconds(2) };
        var inner = new FailingStore { Failures = 25 };
        var store = new BudgetedObjectStore(inner, options, TimeProvider.System, new Random(1), new StreamMetrics(), NullLogger.Instance);
        await store.For(StorePriority.Commit).PutAsync("a", [new byte[] { 1 }]);
        Assert.Equal(0, inner.Failures);
        inner.Failures = 5;
        byte[] read = new byte[1];
        Assert.Equal(1, await store.For(StorePriority.ColdRead).ReadAsync("a", 0, read));
        inner.Kind = ObjectStoreErrorKind.Permanent;
        inner.Failures = 1;
        var failure = await Assert.ThrowsAsync<ObjectStoreException>(async () => await store.For(StorePriority.Delete).DeleteAsync(["a"]));
        Assert.False(failure.Transient);
    }

    private static async Task EnterAsync(StoreBudget budget, StorePriority priority, string name, List<string> order)
    {
        await budget.EnterAsync(priority, 1, CancellationToken.None);
        order.Add(name);
        budget.Exit(1);
    }

    private sealed class FailingStore : IObjectStore
    {
        private readonly MemoryObjectStore _inner = new();

        public int Failures { get; set; }

        public ObjectStoreErrorKind Kind { get; set; } = ObjectStoreErrorKind.Transient;

        public ValueTask PutAsync(string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition, CancellationToken cancellation)
        {
            Fail();
            return _inner.PutAsync(key, content, condition, cancellation);
        }

        public ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation)
        {
            Fail();
            return _inner.BeginUploadAsync(key, cancellation);
        }

        public ValueTask<int> ReadAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation)
        {
            Fail();
            return _inner.ReadAsync(key, position, destination, cancellation);
        }

        public ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation)
        {
            Fail();
            return _inner.DeleteAsync(keys, cancellation);
        }

        public ValueTask<IReadOnlyList<StoredObject>> ListAsync(string prefix, string after, int max, CancellationToken cancellation)
        {
            Fail();
            return _inner.ListAsync(prefix, after, max, cancellation);
        }

        private void Fail()
        {
            if (Failures > 0)
            {
                Failures--;
                throw new ObjectStoreException(Kind, "503 slow down");
            }
        }
    }
}
