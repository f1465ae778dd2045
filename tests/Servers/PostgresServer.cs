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

    private string Address => "127.0.0.1:" + ConnectionString.Split("Port=")[1].Split(';')[0];

    /// <summary>The same, naming the other one first: whichever takes writes is meant.</summary>
    public string ConnectionStringWith(PostgresServer other) =>
        $"Host={other.Address},{Address};" + ConnectionString[ConnectionString.IndexOf("Username=", StringComparison.Ordinal)..];

    /// <summary>Starts one; takes about two seconds.</summary>
    public static async Task<PostgresServer> StartAsync()
    {
        var server = new PostgresServer();
        try
        {
            server.ConnectionString = (await server._script.FirstAsync("up", "-p", "0")).Trim();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// A second server that follows this one. From now on a commit here is answered when both have it, so that the second can take over.
    /// </summary>
    public async Task<PostgresServer> StartStandbyAsync()
    {
        var standby = new PostgresServer();
        try
        {
            standby.ConnectionString = (await standby._script.FirstAsync("standby", _script.Folder, "-p", "0")).Trim();
            return standby;
        }
        catch
        {
            await standby.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes a standby take over; ends when it takes writes.</summary>
    public Task PromoteAsync() => _script.RunAsync("promote");

    /// <summary>Makes an empty database.</summary>
    public Task CreateDatabaseAsync(string name) => _script.RunAsync("database", name);

    /// <summary>Ends it in order; its data stay for <see cref="StartAgainAsync"/>.</summary>
    public Task StopAsync() => _script.RunAsync("down");

    /// <summary>A crash of the server and all its sessions.</summary>
    public Task KillAsync() => _script.RunAsync("kill");

    public Task StartAgainAsync() => _script.RunAsync("up");

    public ValueTask DisposeAsync() => _script.DisposeAsync();
}
