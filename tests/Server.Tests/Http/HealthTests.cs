using PipeRoll.Broker;
using PipeRoll.Broker.Cluster;
using PipeRoll.Operations.Api;
using PipeRoll.Server.Hosting;
using PipeRoll.Server.Http;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Server.Tests.Http;

public sealed class HealthTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddHours(1);
    private static readonly BrokerStatus Serving = new(BrokerPhase.Ready, 9092, 3, 2, 6, 6, 0, 0, 0);
    private static readonly ClusterStatus Healthy = new(1, new BrokerEpoch(7), 1, [], 6, 0, [], [], null, null);

    [Fact]
    public void ABrokerIsNotReadyBeforeItServes()
    {
        Assert.False(HealthEndpoints.Of(null, null, null, Now).Ready);
        Assert.False(HealthEndpoints.Of(Serving, null, null, Now).Ready);
        Assert.False(HealthEndpoints.Of(Serving with { PartitionsFailed = 1 }, Healthy, null, Now).Ready);
        Assert.True(HealthEndpoints.Of(Serving, Healthy, null, Now).Ready);
        Assert.Empty(HealthEndpoints.Of(Serving, Healthy, null, Now).Cluster!.Warnings);
    }

    [Fact]
    public void ItStaysReadyWhileWhatItSharesIsAwayAndSaysSo()
    {
        HealthEndpoints.Readiness readiness = HealthEndpoints.Of(
            Serving, Healthy with { MetadataAwaySince = Now.AddSeconds(-90), Leaderless = 2 }, Now.AddSeconds(-5), Now);

        Assert.True(readiness.Ready);
        Assert.Equal(3, readiness.Cluster!.Warnings.Count);
        Assert.Contains("the database has not answered for 90 s", readiness.Cluster.Warnings[0]);
        Assert.Contains("the object store has not answered for 5 s", readiness.Cluster.Warnings[1]);
        Assert.Contains("2 partitions of the cluster have no leader", readiness.Cluster.Warnings[2]);
    }

    [Fact]
    public void AFencedBrokerIsNotReady()
    {
        HealthEndpoints.Readiness readiness = HealthEndpoints.Of(Serving, Healthy with { FencedBecause = "its lease had passed" }, null, Now);

        Assert.False(readiness.Ready);
        Assert.Contains("its lease had passed", Assert.Single(readiness.Cluster!.Warnings));
    }

    [Fact]
    public async Task TheStoreIsAwayFromItsFirstFailureToItsNextAnswer()
    {
        var store = new FailingStore();
        var watched = new WatchedObjectStore(store, TimeProvider.System);
        Assert.Null(watched.AwaySince);

        store.Failure = new ObjectStoreException(ObjectStoreErrorKind.Transient, "503");
        await Assert.ThrowsAsync<ObjectStoreException>(() => watched.PutAsync("a", []).AsTask());
        DateTimeOffset? since = watched.AwaySince;
        await Assert.ThrowsAsync<ObjectStoreException>(() => watched.DeleteAsync([]).AsTask());
        Assert.NotNull(since);
        Assert.Equal(since, watched.AwaySince);

        // That there is no such object is an answer too.
        store.Failure = new ObjectStoreException(ObjectStoreErrorKind.NotFound, "404");
        await Assert.ThrowsAsync<ObjectStoreException>(() => watched.ReadAsync("a", 0, default).AsTask());
        Assert.Null(watched.AwaySince);
    }

    [Fact]
    public void AfterARepairOnlyWhatWasNotMendedIsFound()
    {
        var report = new StorageAuditReport(["old", "young"], ["gone"], 7)
        {
            OrphanDetails = [new OrphanObject("old", 5, Now), new OrphanObject("young", 6, null)],
            MissingDetails = [new LostObject("gone", 9, -1, [])],
        };
        AuditReport before = StorageAudits.Of(report);
        Assert.Equal(["gone", "old", "young"], before.Findings.Select(finding => finding.Key));

        AuditReport after = StorageAudits.Of(new StorageRepairReport(report, ["old"], ["young"]));
        Assert.Equal(["gone", "young"], after.Findings.Select(finding => finding.Key));
        Assert.Equal(["old"], after.Repaired);
        Assert.Contains("left: it is young", after.Findings[1].Detail);
        Assert.False(after.IsClean);
    }

    private sealed class FailingStore : IObjectStore
    {
        public ObjectStoreException? Failure { get; set; }

        public ValueTask PutAsync(
            string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition = PutCondition.None,
            CancellationToken cancellation = default) => throw Failure!;

        public ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation = default) => throw Failure!;

        public ValueTask<int> ReadAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation = default) =>
            throw Failure!;

        public ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation = default) => throw Failure!;

        public ValueTask<IReadOnlyList<StoredObject>> ListAsync(
            string prefix, string after, int max, CancellationToken cancellation = default) => throw Failure!;
    }
}
