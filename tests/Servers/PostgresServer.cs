namespace PipeRoll.Servers;

/// <summary>A real PostgreSQL for tests on a free loopback port, gone with its data when disposed.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private readonly ServerScript _script = new("pg.sh");

    private PostgresServer()
    {
    }

    /// <summary>Npgsql's form, to the database <c>postgres</c> as its superuser; the same after a restart.</summary>
    public string ConnectionString { get; private set; } = "";

    /// <summary>Starts one; takes about two seconds.</summary>
    public static async Task<PostgresServer> StartAsync()
    {
        var server = new PostgresServer();
        try
        {
            server.ConnectionString = (await server._script.UpAsync("-p", "0")).Trim();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes an empty database.</summary>
    public Task CreateDatabaseAsync(string name) => _script.RunAsync("database", name);

    /// <summary>Ends it in order; its data stay for <see cref="StartAgainAsync"/>.</summary>
    public Task StopAsync() => _script.RunAsync("down");

    /// <summary>A crash of the server and all its sessions.</summary>
    public Task KillAsync() => _script.RunAsync("kill");

    public Task StartAgainAsync() => _script.RunAsync("up");

    public ValueTask DisposeAsync() => _script.DisposeAsync();
}
