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
        IReadOnlyList<StreamId> streams = await _store.CreateStreamsAsync(4, "test");
        using var stop = new CancellationTokenSource();
        Task<int>[] writers = [.. streams.Select(s => Task.Run(() => WriteAsync(s, stop.Token)))];
        for (int i = 0; i < 3; i++)
        {
            await Task.WhenAny(Task.WhenAll(writers), WaitUntilAsync(streams, (i + 1) * 200));
            await (i == 1 ? _server.StopAsync() : _server.KillAsync());
            await _server.StartAgainAsync();
        }

        stop.Cancel();
        int[] committed = await Task.WhenAll(writers).WaitAsync(Patience);
        IReadOnlyList<StreamState> states = await _store.ReadStreamsAsync(streams);
        for (int i = 0; i < streams.Count; i++)
        {
            Assert.Equal(committed[i] * 10L, states[i].CommittedOffset);
            IReadOnlyList<StreamRange> ranges = await _store.ListRangesAsync(streams[i], 0, int.MaxValue);
            Assert.Equal(Enumerable.Range(0, committed[i]).Select(n => n * 10L), ranges.Select(r => r.BaseOffset));
        }
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

    /// <summary>Commits range after range, each until it is answered.</summary>
    private async Task<int> WriteAsync(StreamId stream, CancellationToken stop)
    {
        int ranges = 0;
        while (!stop.IsCancellationRequested)
        {
            long id = await UntilAnsweredAsync(() => _store.PrepareObjectsAsync(1, TimeSpan.FromHours(1)));
            var commit = new ObjectCommit(id, 100, 50, [new RangeCommit(stream, 0, ranges * 10, (ranges + 1) * 10, 0, 100)]);
            Assert.Empty((await UntilAnsweredAsync(() => _store.CommitObjectsAsync([commit]))).Refused);
            ranges++;
        }

        return ranges;
    }

    private async Task WaitUntilAsync(IReadOnlyList<StreamId> streams, long offset)
    {
        while ((await UntilAnsweredAsync(() => _store.ReadStreamsAsync(streams))).Any(s => s.CommittedOffset < offset))
        {
            await Task.Yield();
        }
    }

    private static async Task<T> UntilAnsweredAsync<T>(Func<ValueTask<T>> call)
    {
        while (true)
        {
            try
            {
                return await call();
            }
            catch (MetadataUnavailableException)
            {
                await Task.Delay(20);
            }
        }
    }
}
