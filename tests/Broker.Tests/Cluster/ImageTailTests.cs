using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Broker.Security;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Metadata.Sqlite;

namespace PipeRoll.Broker.Tests.Cluster;

public sealed class ImageTailTests
{
    [Fact]
    public async Task WhoeverGivesUpWaitingEveryListenerIsToldWhatIsInTheImage()
    {
        await using SqliteMetadataStore store = SqliteMetadataStore.InMemory(TimeProvider.System, Guid.NewGuid);
        await store.StartAsync();
        using var metrics = new ClusterMetrics();
        using var tail = new ImageTail(store, new ImageHolder(), new ClusterOptions(), TimeProvider.System, metrics, NullLogger.Instance);
        await tail.LoadAsync(CancellationToken.None);
        using var client = new CancellationTokenSource();
        List<string> told = [];
        await tail.ListenAsync(
            (_, changes, _) =>
            {
                if (changes.Topics.Count > 0)
                {
                    client.Cancel(); // it leaves in the middle
                }

                return ValueTask.CompletedTask;
            },
            CancellationToken.None);
        await tail.ListenAsync(
            (_, changes, cancellation) =>
            {
                cancellation.ThrowIfCancellationRequested();
                told.AddRange(changes.Topics.Select(static topic => topic.Name));
                return ValueTask.CompletedTask;
            },
            CancellationToken.None);

        await store.CreateTopicAsync(Guid.NewGuid(), "orders", 1, new Dictionary<string, string>(), false, "User:test");
        await tail.CatchUpAsync(client.Token);
        Assert.Equal(["orders"], told);
    }

    [Fact]
    public async Task UsersAreReadAnewWhenOneOfThemHasChangedElsewhere()
    {
        await using SqliteMetadataStore store = SqliteMetadataStore.InMemory(TimeProvider.System, Guid.NewGuid);
        await store.StartAsync();
        using var metrics = new ClusterMetrics();
        using var tail = new ImageTail(store, new ImageHolder(), new ClusterOptions(), TimeProvider.System, metrics, NullLogger.Instance);
        await tail.LoadAsync(CancellationToken.None);
        var here = new SecurityDirectory(new SecurityOptions(), store, Guid.NewGuid, hasOtherUsers: false);
        int reads = 0;
        await tail.ListenSecurityAsync(
            cancellation =>
            {
                reads++;
                return here.PrepareAsync(cancellation);
            },
            CancellationToken.None);
        var elsewhere = new SecurityDirectory(new SecurityOptions(), store, Guid.NewGuid, hasOtherUsers: false);
        await elsewhere.LoadAsync(CancellationToken.None);
        Assert.False(here.Current.IsOn);

        ScramCredential credential = ScramCredential.FromPassword(ScramMechanism.Sha256, "a", new byte[16], 4096);
        await elsewhere.AlterCredentialsAsync("User:ANONYMOUS", [credential.ToRecord("alice")], [], CancellationToken.None);
        await tail.CatchUpAsync(CancellationToken.None);
        int readsOfTheChange = reads;
        await store.CreateTopicAsync(Guid.NewGuid(), "orders", 1, new Dictionary<string, string>(), false, "User:test");
        await tail.CatchUpAsync(CancellationToken.None);

        Assert.True(here.Current.IsOn);
        Assert.True(credential.IsSameAs(here.Current.Credential("alice", ScramMechanism.Sha256)));
        Assert.True(here.Current.Acls.AllowsOnAny("User:alice", "127.0.0.1", AclOperation.Write, ResourceType.Topic));
        Assert.Equal(readsOfTheChange, reads);
    }
}
