using Dapper;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using PipeRoll.Servers;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Metadata.Postgres;

namespace PipeRoll.Streams.Tests.Metadata;

/// <summary>A server of its own, which goes away and comes back.</summary>
public sealed class PostgresOutageTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private PostgresServer _server = null!;
    private PostgresMetadataStore _store = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await PostgresServer.StartAsync();
        _store = new PostgresMetadataStore(
            new PostgresMetadataOptions { ConnectionString = _server.ConnectionString }, TimeProvider.System, new Random(1), Guid.NewGuid,
            NullLogger.Instance);
        await _store.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task While_it_is_away_calls_say_so_and_afterwards_they_work_again()
    {
        StreamId id = (await _store.CreateStreamsAsync(1, "test"))[0];
        foreach (Func<Task> goAway in new Func<Task>[] { _server.StopAsync, _server.KillAsync })
        {
            long end = await _store.WaitForLogAsync(0, TimeSpan.Zero);
            await goAway();
            await Assert.ThrowsAsync<MetadataUnavailableException>(async () => await _store.ReadStreamsAsync([id]));
            await Assert.ThrowsAsync<MetadataUnavailableException>(async () => await _store.StartAsync());
            await _server.StartAgainAsync();
            Assert.Single(await _store.ReadStreamsAsync([id]));
            Task<long> waiting = _store.WaitForLogAsync(end, TimeSpan.FromHours(1)).AsTask();
            await _store.TrimStreamAsync(id, 0, end);
            Assert.Equal(end + 1, await waiting.WaitAsync(Patience));
        }
    }

    [Fact]
    public async Task Calls_repeated_over_crashes_take_effect_exactly_once()
    {
        await using RangeWriters writers = await RangeWriters.StartAsync(_store);
        for (int i = 0; i < 3; i++)
        {
            await writers.WaitUntilAsync((i + 1) * 200);
            await (i == 1 ? _server.StopAsync() : _server.KillAsync());
            await _server.StartAgainAsync();
        }

        await writers.VerifyAsync();
    }

    [Fact]
    public async Task A_heartbeat_does_not_queue_behind_transactions_that_take_long()
    {
        var session = TimeSpan.FromMinutes(1);
        BrokerEpoch broker = await _store.RegisterBrokerAsync(new BrokerEndpoint(1, "host", 9092, "http://host:8080", null), session);
        await using var holder = new NpgsqlConnection(_server.ConnectionString);
        await holder.OpenAsync();
        await using NpgsqlTransaction held = await holder.BeginTransactionAsync();
        await holder.ExecuteAsync("LOCK TABLE log_gate IN EXCLUSIVE MODE");
        int threads = new PostgresMetadataOptions { ConnectionString = _server.ConnectionString }.Connections;
        Task[] stuck = [.. Enumerable.Range(0, 2 * threads).Select(_ => _store.CreateStreamsAsync(1, "test").AsTask())];

        Heartbeat beat = await _store.HeartbeatAsync(new HeartbeatRequest(broker, default, session, true)).AsTask().WaitAsync(Patience);

        Assert.True(beat.IsAccepted);
        Assert.DoesNotContain(stuck, call => call.IsCompleted);
        await held.RollbackAsync();
        await Task.WhenAll(stuck).WaitAsync(Patience);
    }
}
