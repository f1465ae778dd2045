using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Cluster.Image;
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
}
