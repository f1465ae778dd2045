using System.Diagnostics;
using Dapper;
using Npgsql;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Metadata.Postgres;

namespace PipeRoll.Streams.Tests.Metadata;

/// <summary>What PostgreSQL alone has: many users at once, news over the wire, several hosts.</summary>
public sealed class PostgresMetadataStoreTests(PostgresFixture postgres) : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly PostgresDatabase _database = postgres.NewDatabase();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task Three_brokers_start_on_an_empty_database_at_once()
    {
        await using PostgresDatabase empty = postgres.EmptyDatabase();
        await empty.ConnectionStringAsync();
        PostgresMetadataStore[] stores = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => empty.OpenAsync(o => o).AsTask()));
        await Task.WhenAll(stores.Select(s => s.StartAsync().AsTask()));
        string[] ids = await Task.WhenAll(stores.Select(s => s.GetClusterIdAsync().AsTask()));
        Assert.Single(ids.Distinct());
        foreach (PostgresMetadataStore store in stores)
        {
            await store.DisposeAsync();
        }
    }

    [Fact]
    public async Task Calls_of_many_at_once_lose_nothing_and_leave_a_dense_log()
    {
        await using IMetadataStore first = await StartAsync();
        await using IMetadataStore second = await StartAsync();
        BrokerEpoch owner = await first.RegisterBrokerAsync(MetadataContract.Endpoint(1), TimeSpan.FromHours(1));
        BrokerEpoch target = await first.RegisterBrokerAsync(MetadataContract.Endpoint(2), TimeSpan.FromHours(1));
        var topics = new List<TopicRecord>();
        for (int i = 0; i < 8; i++)
        {
            topics.Add((await first.CreateTopicAsync(
                Guid.NewGuid(), $"topic{i}", 4, new Dictionary<string, string>(), false, "test", [owner, owner, owner, owner])).Topic!);
        }

        long before = await first.WaitForLogAsync(0, TimeSpan.Zero);
        int heartbeats = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            IMetadataStore store = i % 2 == 0 ? first : second;
            foreach (StreamId stream in topics[i].Partitions)
            {
                for (int range = 0; range < 5; range++)
                {
                    long id = await store.PrepareObjectsAsync(1, TimeSpan.FromHours(1), owner);
                    var part = new RangeCommit(stream, 0, range * 10, (range + 1) * 10, 0, 100);
                    CommitOutcome outcome = await store.CommitObjectsAsync(
                        [new ObjectCommit(id, 100, 50, [part])], new CommitWriter(owner, default));
                    Assert.Empty(outcome.Refused);
                    var request = new HeartbeatRequest(i % 2 == 0 ? owner : target, default, TimeSpan.FromHours(1), true);
                    Assert.True((await store.HeartbeatAsync(request)).IsAccepted);
                    Interlocked.Increment(ref heartbeats);
                }

                Assert.Single(await store.RequestMovesAsync("op", [(stream, target)]));
                Assert.Single(await store.HandOverAsync(owner, [new PartitionHandOver(stream, 0, 50, new byte[] { 1 })]));
            }
        }));
        Assert.Equal(160, heartbeats);
        ClusterSnapshot snapshot = await second.ReadClusterAsync();
        Assert.All(snapshot.Topics.SelectMany(t => t.Placements), p => Assert.Equal((target, 1L), (p.Owner, p.Epoch)));
        Assert.All(
            await first.ReadStreamsAsync([.. topics.SelectMany(t => t.Partitions)]),
            s => Assert.Equal((50L, 50L), (s.CommittedOffset, s.SealedOffset)));
        Assert.Equal(160, (await first.ListObjectsAsync(0, 1000)).Count(o => o.State == ObjectState.Committed));

        // Each move was asked for and carried out, and one broker took the controller's place.
        IReadOnlyList<MetadataLogEntry> log = await first.ReadLogAsync(before, 1000);
        Assert.Equal(Enumerable.Range((int)before + 1, 65).Select(i => (long)i), log.Select(e => e.Sequence));
        Assert.Equal(32, log.Count(e => e.Kind == "partitions.placed"));
        Assert.Single(log, e => e.Kind == "controller.changed");
    }

    [Fact]
    public async Task The_log_shows_no_entry_before_those_with_lower_numbers()
    {
        await using IMetadataStore store = await StartAsync();
        await using IMetadataStore reader = await StartAsync();
        using var done = new CancellationTokenSource();
        Task<long> tailing = Task.Run(async () =>
        {
            long at = 0;
            while (!done.IsCancellationRequested || at < 200)
            {
                foreach (MetadataLogEntry entry in await reader.ReadLogAsync(at, 1000))
                {
                    Assert.Equal(++at, entry.Sequence);
                }
            }

            return at;
        });
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            for (int i = 0; i < 25; i++)
            {
                await store.CreateStreamsAsync(1, "test");
            }
        }));
        done.Cancel();
        Assert.Equal(200, await tailing.WaitAsync(Patience));
    }

    [Fact]
    public async Task News_of_the_log_come_without_polling_and_after_the_listener_lost_its_connection()
    {
        await using PostgresMetadataStore listener = await StartAsync(o => o with { LogPollInterval = TimeSpan.FromSeconds(1) });
        await using PostgresMetadataStore store = await StartAsync();
        for (int i = 0; i < 3; i++)
        {
            Task<long> waiting = listener.WaitForLogAsync(i, TimeSpan.FromMinutes(5)).AsTask();
            long started = Stopwatch.GetTimestamp();
            await store.CreateStreamsAsync(1, "test");
            Assert.Equal(i + 1, await waiting.WaitAsync(Patience));
            TestContext.Current.TestOutputHelper?.WriteLine($"{Stopwatch.GetElapsedTime(started).TotalMilliseconds:F1} ms");
            await PostgresDatabase.ExecuteAsync(
                await _database.ConnectionStringAsync(),
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid() AND datname = current_database()
                """);
        }
    }

    [Fact]
    public async Task News_are_heard_where_nobody_polls()
    {
        await using PostgresMetadataStore listener = await StartAsync(o => o with { LogPollInterval = TimeSpan.FromHours(1) });
        await using PostgresMetadataStore store = await StartAsync();
        for (int i = 0; i < 5; i++)
        {
            Task<long> waiting = listener.WaitForLogAsync(i, TimeSpan.FromHours(1)).AsTask();
            await store.CreateStreamsAsync(1, "test");
            Assert.Equal(i + 1, await waiting.WaitAsync(Patience));
        }
    }

    [Fact]
    public async Task Connections_that_were_ended_are_replaced_without_the_caller_noticing()
    {
        await using PostgresMetadataStore store = await StartAsync();
        for (int i = 0; i < 3; i++)
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => store.ListTopicsAsync().AsTask()));
            await PostgresDatabase.ExecuteAsync(
                await _database.ConnectionStringAsync(),
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()");
            Assert.Single(await store.CreateStreamsAsync(1, "test"));
        }
    }

    [Fact]
    public async Task Who_falls_silent_within_a_transaction_loses_its_locks()
    {
        var options = new PostgresMetadataOptions
        {
            ConnectionString = await _database.ConnectionStringAsync(),
            IdleTimeout = TimeSpan.FromMilliseconds(300),
        };
        using var connections = new PostgresConnections(options);
        await using NpgsqlConnection paused = connections.Open();
        await using NpgsqlTransaction transaction = await paused.BeginTransactionAsync();
        await paused.ExecuteAsync("LOCK TABLE log_gate IN EXCLUSIVE MODE", transaction: transaction);
        await using PostgresMetadataStore store = await StartAsync();
        Assert.Single(await store.CreateStreamsAsync(1, "test"));
    }

    [Fact]
    public async Task What_waits_too_long_for_a_lock_says_that_the_database_is_away()
    {
        await using PostgresMetadataStore store = await StartAsync(o => o with { StatementTimeout = TimeSpan.FromSeconds(1) });
        await using var other = new NpgsqlConnection(await _database.ConnectionStringAsync());
        await other.OpenAsync();
        await using (NpgsqlTransaction transaction = await other.BeginTransactionAsync())
        {
            await other.ExecuteAsync("LOCK TABLE log_gate IN EXCLUSIVE MODE", transaction: transaction);
            await Assert.ThrowsAsync<MetadataUnavailableException>(async () => await store.CreateStreamsAsync(1, "test"));
            Assert.Empty(await store.ListTopicsAsync());
        }

        Assert.Equal(new StreamId(1), Assert.Single(await store.CreateStreamsAsync(1, "test")));
    }

    [Fact]
    public async Task Of_several_hosts_the_one_that_takes_writes_is_found()
    {
        await using PostgresMetadataStore store = await StartAsync(o => o with
        {
            ConnectionString = o.ConnectionString.Replace("Host=127.0.0.1", "Host=127.0.0.1:1,127.0.0.1", StringComparison.OrdinalIgnoreCase),
        });
        Task<long> waiting = store.WaitForLogAsync(0, TimeSpan.FromHours(1)).AsTask();
        Assert.Single(await store.CreateStreamsAsync(1, "test"));
        Assert.Equal(1, await waiting.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_wrong_database_is_named_and_is_no_outage()
    {
        string connectionString = new NpgsqlConnectionStringBuilder(await _database.ConnectionStringAsync()) { Database = "no_such_one" }.ToString();
        await using PostgresMetadataStore store = PostgresDatabase.Store(new PostgresMetadataOptions { ConnectionString = connectionString });
        PostgresException wrong = await Assert.ThrowsAsync<PostgresException>(async () => await store.StartAsync());
        Assert.Contains("no_such_one", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_may_lose_answered_commits_is_refused()
    {
        string connectionString = await _database.ConnectionStringAsync();
        string name = new NpgsqlConnectionStringBuilder(connectionString).Database!;
        await PostgresDatabase.ExecuteAsync(connectionString, $"ALTER DATABASE {name} SET synchronous_commit = off");
        await using PostgresMetadataStore store = await _database.OpenAsync(o => o);
        InvalidOperationException refused = await Assert.ThrowsAsync<InvalidOperationException>(async () => await store.StartAsync());
        Assert.Contains("synchronous_commit", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_wrong_option_is_named_at_once()
    {
        var options = new PostgresMetadataOptions
        {
            ConnectionString = " ",
            Connections = 0,
            StatementTimeout = TimeSpan.FromMilliseconds(1500),
            IdleTimeout = TimeSpan.Zero,
        };
        string message = Assert.Throws<ArgumentException>(options.Validate).Message;
        Assert.All(
            new[] { "ConnectionString", "Connections is 0", "StatementTimeout", "IdleTimeout" },
            part => Assert.Contains(part, message, StringComparison.Ordinal));
        Assert.Throws<ArgumentException>(() => PostgresDatabase.Store(options));
    }

    private ValueTask<PostgresMetadataStore> StartAsync() => StartAsync(o => o);

    private async ValueTask<PostgresMetadataStore> StartAsync(Func<PostgresMetadataOptions, PostgresMetadataOptions> with)
    {
        PostgresMetadataStore store = await _database.OpenAsync(with);
        await store.StartAsync();
        return store;
    }
}
