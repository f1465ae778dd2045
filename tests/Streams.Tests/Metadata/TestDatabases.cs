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
    private readonly Lazy<Task<PostgresServer>> _server = new(PostgresServer.StartAsync);

    public async ValueTask DisposeAsync()
    {
        if (_server.IsValueCreated)
        {
            await (await _server.Value).DisposeAsync();
        }
    }

    internal PostgresDatabase NewDatabase() => new(_server);
}

internal sealed class PostgresDatabase(Lazy<Task<PostgresServer>> server) : ITestDatabase
{
    private string? _connectionString;

    /// <summary>Made with the first call.</summary>
    public async ValueTask<string> ConnectionStringAsync()
    {
        if (_connectionString is not null)
        {
            return _connectionString;
        }

        string admin = (await server.Value).ConnectionString;
        string name = $"test_{Guid.NewGuid():N}";
        await ExecuteAsync(admin, $"CREATE DATABASE {name}");

        // A function of ours stands before the built-in clock. It reads what the test says.
        _connectionString = new NpgsqlConnectionStringBuilder(admin) { Database = name, SearchPath = "public, pg_catalog", Pooling = false }.ToString();
        await ExecuteAsync(
            _connectionString,
            """
            CREATE TABLE test_clock (ms BIGINT NOT NULL);
            INSERT INTO test_clock VALUES (20000::BIGINT * 86400000);
            CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
              AS 'SELECT to_timestamp(ms / 1000.0) FROM public.test_clock';
            """);
        return _connectionString;
    }

    public async ValueTask<IMetadataStore> OpenAsync() => await OpenAsync(o => o);

    public async ValueTask<IMetadataStore> OpenAsync(Func<PostgresMetadataOptions, PostgresMetadataOptions> with) => new PostgresMetadataStore(
        with(new PostgresMetadataOptions { ConnectionString = await ConnectionStringAsync() }),
        TimeProvider.System, new Random(1), Guid.NewGuid, NullLogger.Instance);

    public async ValueTask AdvanceAsync(TimeSpan by) =>
        await ExecuteAsync(await ConnectionStringAsync(), $"UPDATE test_clock SET ms = ms + {(long)by.TotalMilliseconds}");

    public async ValueTask DisposeAsync()
    {
        if (_connectionString is not null)
        {
            await ExecuteAsync(
                (await server.Value).ConnectionString, $"DROP DATABASE {new NpgsqlConnectionStringBuilder(_connectionString).Database} WITH (FORCE)");
        }
    }

    private static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await connection.ExecuteAsync(sql);
    }
}
