using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Stores.S3;
using PipeRoll.Streams.Tests.Stores.S3;

namespace PipeRoll.Streams.Tests.Stores;

public sealed class BucketProbeTests(RgwFixture rgw)
{
    [Fact]
    public async Task A_plain_bucket_is_accepted_and_left_clean()
    {
        using var store = new S3ObjectStore(await rgw.NewBucketAsync(), TimeProvider.System);
        Assert.Null(await ProbeAsync(store));
        Assert.Empty(await store.ListAsync("", "", 10));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task A_versioned_bucket_and_one_with_object_lock_are_refused(bool versioned, bool objectLock)
    {
        using var store = new S3ObjectStore(await rgw.NewBucketAsync(versioned, objectLock), TimeProvider.System);
        string? problem = await ProbeAsync(store);
        Assert.Contains("ignores 'If-None-Match: *'", problem);
        Assert.Contains("Object Lock", problem);
    }

    [Fact]
    public async Task No_bucket_and_no_rights_are_told()
    {
        S3StoreOptions options = await rgw.NewBucketAsync();
        using var nowhere = new S3ObjectStore(options with { Bucket = "never-made" }, TimeProvider.System);
        Assert.Contains("create the bucket", await ProbeAsync(nowhere));
        using var stranger = new S3ObjectStore(options with { SecretKey = "wrong" }, TimeProvider.System);
        Assert.Contains("check the access key", await ProbeAsync(stranger));
    }

    [Theory]
    [InlineData(Flaw.None, null)]
    [InlineData(Flaw.TwoWin, "2 won")]
    [InlineData(Flaw.LoserOverwrites, "not the winner's")]
    [InlineData(Flaw.ConditionIgnored, "8 won")]
    [InlineData(Flaw.LateCreateWins, "one more when the object was there already")]
    [InlineData(Flaw.NothingDeleted, "right to delete")]
    [InlineData(Flaw.NothingListed, "right to list")]
    [InlineData(Flaw.RangeIgnored, "Range header")]
    [InlineData(Flaw.ReadOnly, "the bucket can't be used")]
    [InlineData(Flaw.EachFirstAnswerLost, null)]
    public async Task A_broken_store_is_found_out(Flaw flaw, string? problem)
    {
        string? found = await ProbeAsync(new FlawedStore(flaw));
        if (problem is null)
        {
            Assert.Null(found);
        }
        else
        {
            Assert.Contains(problem, found);
        }
    }

    [Fact]
    public async Task Several_may_probe_at_the_same_time()
    {
        var store = new MemoryObjectStore();
        string?[] problems = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => ProbeAsync(store))));
        Assert.All(problems, Assert.Null);
        Assert.Empty(await store.ListAsync("", "", 10));
    }

    private static async Task<string?> ProbeAsync(IObjectStore store) =>
        await new BucketProbe(store, TimeProvider.System, Guid.NewGuid).FindProblemAsync();

    public enum Flaw
    {
        None,
        TwoWin,
        LoserOverwrites,
        ConditionIgnored,
        LateCreateWins,
        NothingDeleted,
        NothingListed,
        RangeIgnored,
        ReadOnly,
        EachFirstAnswerLost,
    }

    private sealed class FlawedStore(Flaw flaw) : IObjectStore
    {
        private readonly MemoryObjectStore _inner = new();
        private readonly HashSet<string> _answered = [];
        private readonly Dictionary<string, int> _creates = [];

        public async ValueTask PutAsync(
            string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition = PutCondition.None,
            CancellationToken cancellation = default)
        {
            int nth = condition == PutCondition.IfAbsent ? _creates[key] = _creates.GetValueOrDefault(key) + 1 : 0;
            switch (flaw)
            {
                case Flaw.ReadOnly:
                    throw new ObjectStoreException(ObjectStoreErrorKind.Permanent, "403: read only");
                case Flaw.TwoWin when nth == 2:
                case Flaw.ConditionIgnored:
                case Flaw.LateCreateWins when nth == 9:
                    condition = PutCondition.None;
                    break;
                case Flaw.LoserOverwrites when nth == 2:
                    await _inner.PutAsync(key, content, PutCondition.None, cancellation);
                    break;
                default:
                    break;
            }

            await _inner.PutAsync(key, content, condition, cancellation);
            if (flaw == Flaw.EachFirstAnswerLost && _answered.Add(key))
            {
                throw new ObjectStoreException(ObjectStoreErrorKind.Transient, "500 after it took effect");
            }
        }

        public ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation = default) =>
            _inner.BeginUploadAsync(key, cancellation);

        public ValueTask<int> ReadAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation = default) =>
            _inner.ReadAsync(key, flaw == Flaw.RangeIgnored ? 0 : position, destination, cancellation);

        public ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation = default) =>
            flaw == Flaw.NothingDeleted ? ValueTask.CompletedTask : _inner.DeleteAsync(keys, cancellation);

        public ValueTask<IReadOnlyList<StoredObject>> ListAsync(string prefix, string after, int max, CancellationToken cancellation = default) =>
            flaw == Flaw.NothingListed ? new([]) : _inner.ListAsync(prefix, after, max, cancellation);
    }
}
