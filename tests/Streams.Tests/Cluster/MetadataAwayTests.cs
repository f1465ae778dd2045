using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Tests.Support;

namespace PipeRoll.Streams.Tests.Cluster;

/// <summary>The database is away for a while: what is acknowledged goes on being so, and what is uploaded waits for its commit.</summary>
public sealed class MetadataAwayTests
{
    [Fact]
    public async Task Appends_and_reads_go_on_and_an_upload_is_committed_when_the_database_is_back()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        bool away = false;
        var commits = new List<long>();
        IMetadataStore flaky = PartialFake.Of<IMetadataStore>((name, arguments) =>
        {
            if (Volatile.Read(ref away) && name == nameof(IMetadataStore.CommitObjectsAsync))
            {
                commits.Add(((IReadOnlyList<ObjectCommit>)arguments[0]!)[0].ObjectId);
                return new ValueTask<CommitOutcome>(Task.FromException<CommitOutcome>(new MetadataUnavailableException("away")));
            }

            return typeof(IMetadataStore).GetInterfaces().Append(typeof(IMetadataStore))
                .Select(i => i.GetMethod(name)).First(m => m is not null)!.Invoke(cluster.Metadata, arguments);
        });
        TestBroker a = await cluster.AddAsync(metadata: flaky);
        IStream stream = await cluster.CreateAsync(a);
        Volatile.Write(ref away, true);
        await stream.AppendAsync(1);
        Task<bool> upload = a.Storage.UploadNowAsync().AsTask();
        while (!a.Storage.Health.IsMetadataAway)
        {
            await Task.Yield();
        }

        await stream.AppendAsync(1);
        Assert.Equal(Batches.ExpectedRange(stream.Id, 0, 2, 1, 100), await stream.ReadAllAsync(0));
        Assert.False(upload.IsCompleted);
        Volatile.Write(ref away, false);
        Assert.True(await upload);
        Assert.False(a.Storage.Health.IsMetadataAway);
        Assert.Single(commits.Distinct());
        Assert.Single(await cluster.Metadata.ListObjectsAsync(0, 10));
        Assert.Equal(1, stream.CommittedOffset);
    }
}
