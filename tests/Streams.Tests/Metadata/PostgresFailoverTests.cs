using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Servers;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Metadata.Postgres;

namespace PipeRoll.Streams.Tests.Metadata;

/// <summary>A primary with a synchronous standby, both named in the connection string; the primary dies and the standby takes over.</summary>
public sealed class PostgresFailoverTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task What_was_answered_is_there_and_calls_go_on_at_the_standby()
    {
        await using PostgresServer primary = await PostgresServer.StartAsync();
        await using PostgresServer standby = await primary.StartStandbyAsync();
        var options = new PostgresMetadataOptions { ConnectionString = primary.ConnectionStringWith(standby) };
        await using var store = new PostgresMetadataStore(options, TimeProvider.System, new Random(1), Guid.NewGuid, NullLogger.Instance);
        await store.StartAsync();
        await using RangeWriters writers = await RangeWriters.StartAsync(store);
        await writers.WaitUntilAsync(200);

        await primary.KillAsync();
        await standby.PromoteAsync();

        await writers.WaitUntilAsync(600).WaitAsync(Patience);
        await writers.VerifyAsync();
        await AssertNewsComeAsync(store);
    }

    private static async Task AssertNewsComeAsync(PostgresMetadataStore store)
    {
        StreamId id = (await store.CreateStreamsAsync(1, "test"))[0];
        long end = await store.WaitForLogAsync(0, TimeSpan.Zero);
        Task<long> waiting = store.WaitForLogAsync(end, TimeSpan.FromHours(1)).AsTask();
        await store.TrimStreamAsync(id, 0, end);
        Assert.Equal(end + 1, await waiting.WaitAsync(Patience));
    }
}
