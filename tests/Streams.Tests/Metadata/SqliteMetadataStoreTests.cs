using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Metadata.Sqlite;
using PipeRoll.Streams.Tests.Support;

namespace PipeRoll.Streams.Tests.Metadata;

public sealed class SqliteMetadataStoreTests
{
    private readonly ShiftedTime _time = new();

    [Fact]
    public async Task Everything_survives_in_a_file()
    {
        using var folder = new TestFolder();
        string cluster;
        StreamId id;
        await using (SqliteMetadataStore first = SqliteMetadataStore.OpenFile(folder["deep/metadata.db"], _time, Guid.NewGuid))
        {
            await first.StartAsync();
            cluster = await first.GetClusterIdAsync();
            id = (await first.CreateStreamsAsync(1, "test"))[0];
            Assert.True(await first.SaveCheckpointAsync(id, 0, new StreamCheckpoint(3, new byte[] { 1, 2, 3 })));
            // One that was overtaken on its way changes nothing.
            Assert.True(await first.SaveCheckpointAsync(id, 0, new StreamCheckpoint(2, new byte[] { 9 })));
        }

        await using SqliteMetadataStore second = SqliteMetadataStore.OpenFile(folder["deep/metadata.db"], _time, Guid.NewGuid);
        await second.StartAsync();
        Assert.Equal(cluster, await second.GetClusterIdAsync());
        StreamCheckpoint checkpoint = (await second.ReadCheckpointAsync(id))!.Value;
        Assert.Equal(3, checkpoint.Offset);
        Assert.Equal(new byte[] { 1, 2, 3 }, checkpoint.State.ToArray());
        Assert.Null(await second.ReadCheckpointAsync(new StreamId(99)));
    }
}
