using Dapper;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using PipeRoll.Servers;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Metadata.Postgres;
using PipeRoll.Streams.Metadata.Sqlite;
using PipeRoll.Streams.Tests.Support;

[assembly: AssemblyFixture(typeof(PipeRoll.Streams.Tests.Metadata.PostgresFixture))]

namespace PipeRoll.Streams.Tests.Metadata;

/// <summary>A fresh database of one engine, under a clock that only the test moves.</summary>
internal interface ITestDatabase : IAsyncDisposable
{
    ValueTask<IMetadataStore> OpenAsync();

    ValueTask AdvanceAsync(TimeSpan by);
}

internal sealed class SqliteDatabase : ITestDatabase
{
    private readonly ShiftedTime _time = new();

    public ValueTask<IMetadataStore> OpenAsync() => ValueTask.FromResult<IMetadataStore>(SqliteMetadataStore.InMemory(_time, Guid.NewGuid));

    public ValueTask AdvanceAsync(TimeSpan by)
    {
        _time.Advance(by);
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>One PostgreSQL for all tests of the assembly, started when the first one needs it.</summary>
public sealed class PostgresFixture : IAsyncDisposable
{
    /// <summary>A database with the schema, which tests copy.</summary>
    private const string Template = "test_template";
    private readonly Lazy<Task<PostgresServer>> _server = new(StartAsync);

    public async ValueTask DisposeAsync()
    {
        if (_server.IsValueCreated)
        {
            await (await _server.Value).DisposeAsync();
        }
    }

    internal PostgresDatabase NewDatabase() => new(AdminAsync, Template);

    /// <summary>Without the schema.</summary>
    internal PostgresDatabase EmptyDatabase() => new(AdminAsync, "template1");

    private async Task<string> AdminAsync() => (await _server.Value).ConnectionString;

    private static async Task<PostgresServer> StartAsync()
    {
        PostgresServer server = await PostgresServer.StartAsync();

        // Syncs matter to those who lose power, not to tests.
        await PostgresDatabase.ExecuteAsync(server.ConnectionString, "ALTER SYSTEM SET fsync = off");
        await PostgresDatabase.ExecuteAsync(server.ConnectionString, "SELECT pg_reload_conf()");
        await PostgresDatabase.ExecuteAsync(server.ConnectionString, $"CREATE DATABASE {Template}");
        string connectionString = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = Template, Pooling = false }.ToString();
        await using (PostgresMetadataStore store = PostgresDatabase.Store(new PostgresMetadataOptions { ConnectionString = connectionString }))
        {
            await store.StartAsync();
        }

        // A function of ours stands before the built-in clock. It reads what the test says.
        await PostgresDatabase.ExecuteAsync(
            connectionString,
            """
            CREATE TABLE test_clock (ms BIGINT NOT NULL);
            INSERT INTO test_clock VALUES (20000::BIGINT * 86400000);
            CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
              AS 'SELECT to_timestamp(ms / 1000.0) FROM public.test_clock';
            """);
        return server;
    }
}

internal sealed class PostgresDatabase(Func<Task<string>> admin, string template) : ITestDatabase
{
    private static readonly SemaphoreSlim Copying = new(1, 1);
    private string? _connectionString;

    /// <summary>Made with the first call, which must have ended before others come.</summary>
    public async ValueTask<string> ConnectionStringAsync()
    {
        if (_connectionString is not null)
        {
            return _connectionString;
        }

        string server = await admin();
        string name = $"test_{Guid.NewGuid():N}";

        // A template can't be copied by two at once.
        await Copying.WaitAsync();
        try
        {
            await ExecuteAsync(server, $"CREATE DATABASE {name} TEMPLATE {template}");
            await ExecuteAsync(server, $"ALTER DATABASE {name} SET search_path = public, pg_catalog");
        }
        finally
        {
            Copying.Release();
        }

        return _connectionString = new NpgsqlConnectionStringBuilder(server) { Database = name, Pooling = false }.ToString();
    }

    public async ValueTask<IMetadataStore> OpenAsync() => await OpenAsync(o => o);

    public async ValueTask<PostgresMetadataStore> OpenAsync(Func<PostgresMetadataOptions, PostgresMetadataOptions> with) =>
        Store(with(new PostgresMetadataOptions { ConnectionString = await ConnectionStringAsync() }));

    public async ValueTask AdvanceAsync(TimeSpan by) =>
        await ExecuteAsync(await ConnectionStringAsync(), $"UPDATE test_clock SET ms = ms + {(long)by.TotalMilliseconds}");

    public async ValueTask DisposeAsync()
    {
        if (_connectionString is not null)
        {
            await ExecuteAsync(await admin(), $"DROP DATABASE {new NpgsqlConnectionStringBuilder(_connectionString).Database} WITH (FORCE)");
        }
    }

    internal static PostgresMetadataStore Store(PostgresMetadataOptions options) =>
        new(options, TimeProvider.System, new Random(1), Guid.NewGuid, NullLogger.Instance);

    internal static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await connection.ExecuteAsync(sql);
    }
}
