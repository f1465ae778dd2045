using System.Diagnostics.Metrics;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams.Tests.Stores;

public sealed class StoreBudgetTests
{
    [Fact]
    public async Task Who_waits_is_let_in_by_priority_then_in_order()
    {
        var budget = new StoreBudget(1, 1000);
        StorePlace first = await EnterAsync(budget, StorePriority.Delete, 1);
        var order = new List<string>();
        var tasks = new List<Task>();
        StorePriority[] arriving =
            [StorePriority.Delete, StorePriority.ColdRead, StorePriority.WriteAheadLog, StorePriority.ColdRead, StorePriority.Commit];
        foreach (StorePriority priority in arriving)
        {
            string name = $"{priority}{tasks.Count}";
            tasks.Add(PassAsync(budget, priority, name, order));
        }

        budget.Exit(first, StoreAnswer.Served);
        await Task.WhenAll(tasks);
        Assert.Equal(["WriteAheadLog2", "Commit4", "ColdRead1", "ColdRead3", "Delete0"], order);
    }

    [Fact]
    public async Task Bytes_are_bounded_but_one_oversized_request_passes_alone()
    {
        var budget = new StoreBudget(10, 100);
        StorePlace first = await EnterAsync(budget, StorePriority.Commit, 60);
        Task<StorePlace> second = EnterAsync(budget, StorePriority.Commit, 60);
        Task<StorePlace> huge = EnterAsync(budget, StorePriority.Commit, 5000);
        Assert.False(second.IsCompleted);
        budget.Exit(first, StoreAnswer.Served);
        StorePlace entered = await second;
        Assert.False(huge.IsCompleted);
        budget.Exit(entered, StoreAnswer.Served);
        await huge;
    }

    [Fact]
    public async Task Who_gives_up_waiting_does_not_hold_up_the_others()
    {
        var budget = new StoreBudget(10, 100);
        await EnterAsync(budget, StorePriority.Commit, 60);
        using var giveUp = new CancellationTokenSource();
        Task large = budget.EnterAsync(StorePriority.Commit, 100, giveUp.Token).AsTask();
        Task small = EnterAsync(budget, StorePriority.Delete, 10);
        Assert.False(small.IsCompleted);
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
        await small;
    }

    [Fact]
    public async Task Cold_reads_can_not_take_the_places_of_the_log()
    {
        var budget = new StoreBudget(32, 320);
        List<Task<StorePlace>> cold = [.. Enumerable.Range(0, 100).Select(_ => EnterAsync(budget, StorePriority.ColdRead, 1))];
        List<Task<StorePlace>> delete = [.. Enumerable.Range(0, 100).Select(_ => EnterAsync(budget, StorePriority.Delete, 1))];
        Assert.Equal(16, cold.Concat(delete).Count(t => t.IsCompleted));
        List<Task<StorePlace>> commits = [.. Enumerable.Range(0, 100).Select(_ => EnterAsync(budget, StorePriority.Commit, 1))];
        Assert.Equal(12, commits.Count(t => t.IsCompleted));
        List<Task<StorePlace>> log = [.. Enumerable.Range(0, 5).Select(_ => EnterAsync(budget, StorePriority.WriteAheadLog, 1))];
        Assert.Equal(4, log.Count(t => t.IsCompleted));

        // And not the bytes.
        budget = new StoreBudget(32, 320);
        cold = [.. Enumerable.Range(0, 10).Select(_ => EnterAsync(budget, StorePriority.ColdRead, 50))];
        Assert.Equal(3, cold.Count(t => t.IsCompleted));
        Assert.True(EnterAsync(budget, StorePriority.WriteAheadLog, 160).IsCompleted);
    }

    [Fact]
    public async Task Overload_halves_the_limit_once_for_all_that_were_under_way_and_served_requests_raise_it_again()
    {
        var budget = new StoreBudget(32, 1000);
        StorePlace[] places = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => EnterAsync(budget, StorePriority.Commit, 1)));
        foreach (StorePlace place in places)
        {
            budget.Exit(place, StoreAnswer.Overloaded);
        }

        Assert.Equal(16, budget.Limit);
        for (int i = 0; i < 10; i++)
        {
            budget.Exit(await EnterAsync(budget, StorePriority.Commit, 1), StoreAnswer.Overloaded);
        }

        Assert.Equal(4, budget.Limit);
        int served = 0;
        while (budget.Limit < 32)
        {
            budget.Exit(await EnterAsync(budget, StorePriority.Commit, 1), StoreAnswer.Served);
            served++;
        }

        Assert.InRange(served, 400, 600);
    }

    [Fact]
    public async Task The_log_keeps_its_places_in_any_storm()
    {
        var budget = new StoreBudget(32, 1000);
        StorePlace[] before = await Task.WhenAll(Enumerable.Range(0, 28).Select(_ => EnterAsync(budget, StorePriority.Commit, 1)));
        foreach (StorePlace place in before[..2])
        {
            budget.Exit(place, StoreAnswer.Overloaded);
        }

        // 26 old requests are still under way, more than the limit now: others wait, the log does not.
        Task<StorePlace> commit = EnterAsync(budget, StorePriority.Commit, 1);
        Assert.False(commit.IsCompleted);
        StorePlace[] log = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => EnterAsync(budget, StorePriority.WriteAheadLog, 1)));
        Task<StorePlace> fifth = EnterAsync(budget, StorePriority.WriteAheadLog, 1);
        Assert.False(fifth.IsCompleted);
        budget.Exit(log[0], StoreAnswer.Overloaded);
        await fifth;
        Assert.False(commit.IsCompleted);
    }

    [Fact]
    public void Nobody_waits_without_a_reason_and_no_bound_is_passed() =>
        Gen.Select(
                Gen.Int[1, 12],
                Gen.Select(Gen.Int[0, 3], Gen.Enum<StorePriority>(), Gen.Int[0, 120], Gen.Enum<StoreAnswer>()).List[1, 60])
            .Sample((requestsMax, steps) =>
            {
                var budget = new StoreBudget(requestsMax, 100);
                var under = new List<StorePlace>();
                var waiting = new List<Task<StorePlace>>();
                foreach ((int kind, StorePriority priority, int bytes, StoreAnswer answer) in steps)
                {
                    if (kind > 0 || under.Count == 0)
                    {
                        waiting.Add(EnterAsync(budget, priority, bytes));
                    }
                    else
                    {
                        StorePlace place = under[bytes % under.Count];
                        under.Remove(place);
                        budget.Exit(place, answer);
                    }

                    Settle(budget, waiting, under);
                    Assert.InRange(under.Count, 0, requestsMax);
                    Assert.True(under.Count == 1 || under.Sum(p => p.Bytes) <= 100);
                    Assert.True(under.Count > 0 || waiting.Count == 0);
                }

                while (under.Count > 0)
                {
                    budget.Exit(under[^1], StoreAnswer.Overloaded);
                    under.RemoveAt(under.Count - 1);
                    Settle(budget, waiting, under);
                }

                Assert.Empty(waiting);
            });

    [Fact]
    public async Task A_storm_of_transient_failures_is_sat_out_and_permanent_ones_are_not()
    {
        var inner = new FailingStore { Failures = 25 };
        BudgetedObjectStore store = Budgeted(inner);
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

    [Fact]
    public async Task A_refusal_is_sat_out_for_what_must_not_be_lost_and_told_to_everybody_else()
    {
        var inner = new FailingStore { Failures = 8, Kind = ObjectStoreErrorKind.Refused };
        BudgetedObjectStore store = Budgeted(inner);
        await store.For(StorePriority.WriteAheadLog).PutAsync("a", [new byte[] { 1 }], PutCondition.IfAbsent);
        inner.Failures = 8;
        await store.For(StorePriority.Commit).PutAsync("b", [new byte[] { 1 }]);
        foreach (StorePriority priority in new[] { StorePriority.TailRead, StorePriority.ColdRead, StorePriority.Compaction, StorePriority.Delete })
        {
            inner.Failures = 1;
            var refused = await Assert.ThrowsAsync<ObjectStoreException>(async () => await store.For(priority).ReadAsync("a", 0, new byte[1]));
            Assert.Equal(ObjectStoreErrorKind.Refused, refused.Kind);
        }
    }

    [Fact]
    public async Task The_parts_of_an_upload_are_repeated_in_a_storm()
    {
        var inner = new FailingStore();
        await using IObjectUpload upload = await Budgeted(inner).For(StorePriority.Compaction).BeginUploadAsync("up");
        for (byte i = 0; i < 3; i++)
        {
            inner.Failures = 4;
            await upload.AppendAsync([new[] { i }]);
        }

        await upload.CompleteAsync();
        byte[] read = new byte[9];
        Assert.Equal([0, 1, 2], read[..await inner.ReadAsync("up", 0, read, CancellationToken.None)]);
    }

    [Fact]
    public async Task Requests_are_counted_by_priority_operation_and_outcome()
    {
        using var metrics = new StreamMetrics();
        var counted = new Dictionary<string, long>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            string[] wanted = ["piperoll.store.requests", "piperoll.store.limit", "piperoll.store.inflight"];
            if (instrument.Meter == metrics.Meter && wanted.Contains(instrument.Name))
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            string name = $"{instrument.Name["piperoll.store.".Length..]} {string.Join(' ', tags.ToArray().Select(t => t.Value))}".TrimEnd();
            lock (counted)
            {
                counted[name] = instrument is ObservableGauge<long> ? value : counted.GetValueOrDefault(name) + value;
            }
        });
        listener.Start();
        var inner = new FailingStore { Failures = 2, Overloaded = true };
        BudgetedObjectStore store = Budgeted(inner, metrics);
        await store.For(StorePriority.WriteAheadLog).PutAsync("a", [new byte[] { 1 }]);
        await Assert.ThrowsAsync<ObjectStoreException>(async () => await store.For(StorePriority.ColdRead).ReadAsync("none", 0, new byte[1]));
        listener.RecordObservableInstruments();
        Assert.Equal(2, counted["requests WriteAheadLog put Overloaded"]);
        Assert.Equal(1, counted["requests WriteAheadLog put ok"]);
        Assert.Equal(1, counted["requests ColdRead read NotFound"]);
        Assert.Equal(8, counted["limit"]);
        Assert.Equal(0, counted["inflight ColdRead"]);
    }

    private static BudgetedObjectStore Budgeted(IObjectStore inner, StreamMetrics? metrics = null)
    {
        var options = new StreamStorageOptions { StoreRetryDelay = TimeSpan.FromMilliseconds(1), StoreRetryDelayMax = TimeSpan.FromMilliseconds(2) };
        return new BudgetedObjectStore(inner, options, TimeProvider.System, new Random(1), metrics ?? new StreamMetrics(), NullLogger.Instance);
    }

    private static Task<StorePlace> EnterAsync(StoreBudget budget, StorePriority priority, long bytes) =>
        budget.EnterAsync(priority, bytes, CancellationToken.None).AsTask();

    private static async Task PassAsync(StoreBudget budget, StorePriority priority, string name, List<string> order)
    {
        StorePlace place = await budget.EnterAsync(priority, 1, CancellationToken.None);
        order.Add(name);
        budget.Exit(place, StoreAnswer.Served);
    }

    /// <summary>Takes over who was let in: a waiter's task ends a moment after its place was taken.</summary>
    private static void Settle(StoreBudget budget, List<Task<StorePlace>> waiting, List<StorePlace> under)
    {
        int left = Enum.GetValues<StorePriority>().Sum(p => budget.Load(p).Waiting);
        SpinWait.SpinUntil(() => waiting.Count(t => !t.IsCompleted) == left);
        under.AddRange(waiting.Where(t => t.IsCompletedSuccessfully).Select(t => t.Result));
        waiting.RemoveAll(t => t.IsCompleted);
    }

    private sealed class FailingStore : IObjectStore
    {
        private readonly MemoryObjectStore _inner = new();

        public int Failures { get; set; }

        public ObjectStoreErrorKind Kind { get; set; } = ObjectStoreErrorKind.Transient;

        public bool Overloaded { get; init; }

        public ValueTask PutAsync(string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition, CancellationToken cancellation)
        {
            Fail();
            return _inner.PutAsync(key, content, condition, cancellation);
        }

        public async ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation)
        {
            Fail();
            return new Upload(this, await _inner.BeginUploadAsync(key, cancellation));
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

        private sealed class Upload(FailingStore store, IObjectUpload inner) : IObjectUpload
        {
            public ValueTask AppendAsync(IReadOnlyList<ReadOnlyMemory<byte>> part, CancellationToken cancellation)
            {
                store.Fail();
                return inner.AppendAsync(part, cancellation);
            }

            public ValueTask CompleteAsync(CancellationToken cancellation) => inner.CompleteAsync(cancellation);

            public ValueTask DisposeAsync() => inner.DisposeAsync();
        }

        private void Fail()
        {
            if (Failures > 0)
            {
                Failures--;
                throw new ObjectStoreException(Kind, "503 slow down") { Overloaded = Overloaded };
            }
        }
    }
}
