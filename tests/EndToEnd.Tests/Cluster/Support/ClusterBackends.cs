using PipeRoll.Servers;

namespace PipeRoll.EndToEnd.Tests.Cluster.Support;

/// <summary>What all clusters of this assembly stand on: a real object store and a real database, started when first asked for.</summary>
public sealed class ClusterBackends : IAsyncDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private int _clusters;

    public RgwServer Store { get; private set; } = null!;

    public PostgresServer Database { get; private set; } = null!;

    /// <summary>A bucket and a database that nobody has used.</summary>
    public async Task<(string Bucket, string Connection)> NewAsync()
    {
        await _gate.WaitAsync();
        try
        {
            Store ??= await RgwServer.StartAsync();
            Database ??= await PostgresServer.StartAsync();
            string name = $"cluster{++_clusters}";
            await Store.CreateBucketAsync(name);
            await Database.CreateDatabaseAsync(name);
            return (name, Database.ConnectionString.Replace("Database=postgres", $"Database={name}", StringComparison.Ordinal));
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Store is not null)
        {
            await Store.DisposeAsync();
        }

        if (Database is not null)
        {
            await Database.DisposeAsync();
        }

        _gate.Dispose();
    }
}
